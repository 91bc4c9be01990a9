#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# client.sh host port: sends the standard input to an echo server line by line,
# and prints what comes back.
#
#     LD_PRELOAD=libtlssock.so ./client.sh localhost 4433
#
# bash's /dev/tcp cannot do this: bash opens that socket itself, for TCP, and
# leaves no place to say another protocol. socat has such a place.
set -euo pipefail

coproc SERVER { exec socat - "TCP4:$1:$2,prototype=205"; }
while IFS= read -r line; do
    printf '%s\n' "$line" >&"${SERVER[1]}"
    IFS= read -r reply <&"${SERVER[0]}"
    printf '%s\n' "$reply"
done
