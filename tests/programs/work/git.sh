# SPDX-License-Identifier: MIT
# A repository made, cloned, checked, packed and pushed to.
set -eu
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example GIT_AUTHOR_DATE='2020-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
git init -q -b main origin
cd origin
seq 1000 >numbers
git add numbers
git commit -q -m first
seq 1001 >numbers
git commit -q -a -m second
git log --stat
cd ..
git clone -q "file://$PWD/origin" copy
cd copy
git fsck --strict
git gc -q
git rev-parse HEAD
git push -q origin HEAD:other
git -C ../origin branch -v
