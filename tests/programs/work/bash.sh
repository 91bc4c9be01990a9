# SPDX-License-Identifier: MIT
# Redirections, descriptors moved about, pipes, substitutions, coprocesses.
set -euo pipefail
printf '%s\n' c a b >list
exec 3<list 4>copy
while read -r -u 3 word; do
    echo "$word" >&4
done
exec 3<&- 4>&-
sort copy | tee sorted | tr a-z A-Z
cat < <(echo substituted) - <<<"here"
coproc CAT { cat; }
echo through >&"${CAT[1]}"
read -r reply <&"${CAT[0]}"
echo "$reply"
(exit 3) || echo "status $?"
exec 5<>/dev/null
echo gone >&5
exec /bin/echo replaced
