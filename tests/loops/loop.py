# SPDX-License-Identifier: MIT
"""What the Python loops share: loop.c's main and its pattern. LOOPS_PROTOCOL is the
third argument of socket(): nothing else depends on it."""
import os
import socket
import sys

BLOCK = 16384
PIECE_MAX = 4999


class Transfer:
    """What a client sends, and what must come back."""

    def __init__(self, length):
        self.data = bytes((at * 31 + at // 251) & 0xff for at in range(length))
        self.sent = self.received = 0

    def piece(self):
        size = (self.sent * 7919 % PIECE_MAX) | 1
        return self.data[self.sent:self.sent + size]

    def take(self, data):
        end = self.received + len(data)
        if end > self.sent or data != self.data[self.received:end]:
            sys.exit("other bytes came back")
        self.received = end

    def finish(self):
        if self.received != len(self.data):
            sys.exit("the end came too early")


def new_socket():
    fd = socket.socket(socket.AF_INET, socket.SOCK_STREAM, int(os.environ["LOOPS_PROTOCOL"]))
    fd.setblocking(False)
    return fd


def listener():
    fd = new_socket()
    fd.bind(("127.0.0.1", 0))
    fd.listen(64)
    print("port", fd.getsockname()[1], flush=True)
    return fd


def main(serve, run_client):
    if len(sys.argv) == 3 and sys.argv[1] == "server":
        serve(listener(), int(sys.argv[2]))
    elif len(sys.argv) == 4 and sys.argv[1] == "client":
        transfer = Transfer(int(sys.argv[3]))
        run_client(new_socket(), ("localhost", int(sys.argv[2])), transfer)
        transfer.finish()
    else:
        sys.exit(f"usage: {sys.argv[0]} server CONNECTIONS | client PORT LENGTH")
