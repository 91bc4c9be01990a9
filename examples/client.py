#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""client.py host port: sends the standard input to an echo server line by
line, and prints what comes back.

    LD_PRELOAD=libtlssock.so python3 client.py localhost 4433
"""
import socket
import sys

IPPROTO_TLS = 205  # scripting languages do not read tlssock.h

with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_TLS) as server:
    server.connect((sys.argv[1], int(sys.argv[2])))
    replies = server.makefile()
    for line in sys.stdin:
        server.sendall(line.encode())
        print(replies.readline(), end="", flush=True)
