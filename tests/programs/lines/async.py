# SPDX-License-Identifier: MIT
"""Lines by asynchat and asyncore. Usage: async.py server CONNECTIONS | client PORT."""
import sys
import warnings

warnings.simplefilter("ignore")
import asynchat  # noqa: E402
import asyncore  # noqa: E402

LONG = b"l" * 100_000


class Lines(asynchat.async_chat):
    def __init__(self, *args):
        super().__init__(*args)
        self.line = b""
        self.set_terminator(b"\n")

    def collect_incoming_data(self, data):
        self.line += data

    def found_terminator(self):
        line, self.line = self.line, b""
        self.take(line)


class Served(Lines):
    def take(self, line):
        self.push(line.upper() + b"\n")
        if line == b"bye":
            self.close_when_done()


class Server(asyncore.dispatcher):
    def __init__(self, connections):
        super().__init__()
        self.left = connections
        self.create_socket()
        self.set_reuse_addr()
        self.bind(("127.0.0.1", 0))
        self.listen(16)
        print("port", self.socket.getsockname()[1], flush=True)

    def handle_accepted(self, connection, _):
        Served(connection).push(b"hello\n")
        self.left -= 1
        if not self.left:
            self.close()


class Client(Lines):
    def __init__(self, port):
        super().__init__()
        self.to_say = [b"one", LONG, b"bye"]
        self.create_socket()
        self.connect(("localhost", port))

    def take(self, line):
        print(len(line) if len(line) == len(LONG) else line.decode())
        if self.to_say:
            self.push(self.to_say.pop(0) + b"\n")

    def handle_close(self):
        print("more" if self.line else "end")
        self.close()


if sys.argv[1] == "server":
    Server(int(sys.argv[2]))
else:
    Client(int(sys.argv[2]))
asyncore.loop()
