# SPDX-License-Identifier: MIT
# Lines by redirections of a socket of /dev/tcp. Usage: lines.sh client PORT.
set -euo pipefail

printf -v long 'l%.0s' {1..100000}

exec {first}<>"/dev/tcp/localhost/$2"
exec 3<&"$first" 4>&"$first" {first}>&-
IFS= read -r line <&3
echo "$line"
for line in one "$long" bye; do
    printf '%s\n' "$line" >&4
    IFS= read -r answer <&3
    [ "${#answer}" -ne 100000 ] || answer=100000
    echo "$answer"
done
exec 4>&-
while read -r line; do
    echo more
done <&3
exec 3<&-
echo end
