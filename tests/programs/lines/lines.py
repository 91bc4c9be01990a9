# SPDX-License-Identifier: MIT
"""Lines through socket.makefile. Usage: lines.py server CONNECTIONS | client PORT."""
import socket
import sys

LONG = b"l" * 100_000


def serve(connections):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        for _ in range(connections):
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"hello\n")
                stream.flush()
                for line in stream:
                    stream.write(line.upper())
                    stream.flush()
                    if line == b"bye\n":
                        break


def ask(port):
    with socket.create_connection(("localhost", port)) as connection:
        with connection.makefile("rb") as incoming, connection.makefile("wb") as outgoing:
            print(incoming.readline().decode(), end="")
            for line in b"one", LONG, b"bye":
                outgoing.write(line + b"\n")
                outgoing.flush()
                answer = incoming.readline().rstrip(b"\n")
                print(len(answer) if line == LONG else answer.decode())
            print("more" if incoming.read() else "end")


if sys.argv[1] == "server":
    serve(int(sys.argv[2]))
else:
    ask(int(sys.argv[2]))
