#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lines of text between unmodified programs, and between them and native peers.

Usage: test_lines.py LANGUAGE. A server greets, answers each line in capitals, and ends after
the line "bye"; a client prints what it reads, of a long answer the length."""
import os
import sys

from harness import check_equal, need, run_cases
from unmodified import HERE, add_both, finish, native_client, native_server, start

CONNECTIONS = 3
LONG = b"l" * 100_000
SAID = b"hello\nONE\n100000\nBYE\nend\n"


def program(name):
    return os.path.join(HERE, "lines", name)


LANGUAGES = {
    "bash-lines": ["bash", program("lines.sh")],
    "perl-inet": ["perl", program("lines.pl"), "IO::Socket::INET"],
    "perl-ip": ["perl", program("lines.pl"), "IO::Socket::IP"],
    "php": ["php", program("lines.php")],
    "python-asynchat": [sys.executable, program("async.py")],
    "python-makefile": [sys.executable, program("lines.py")],
    "ruby": ["ruby", program("lines.rb")],
}
CLIENTS_ONLY = ["bash-lines"]


def answer_lines(connection):
    connection.sendall(b"hello\n")
    with connection.makefile("rb") as incoming:
        for line in incoming:
            connection.sendall(line.upper())
            if line == b"bye\n":
                break


def say_lines(connection):
    with connection.makefile("rb") as incoming:
        answers = [incoming.readline()]
        for line in b"one\n", LONG + b"\n", b"bye\n":
            connection.sendall(line)
            answers.append(incoming.readline())
        check_equal(answers, [b"hello\n", b"ONE\n", LONG.upper() + b"\n", b"BYE\n"])
        check_equal(incoming.read(), b"")


def asks(protocol, command, port):
    check_equal(finish([*command, "client", str(port)], protocol), (0, SAID, b""))


def asks_native(protocol, command):
    with native_server(protocol, CONNECTIONS, answer_lines) as server:
        for _ in range(CONNECTIONS):
            asks(protocol, command, server.port)
        server.finish()


def serves(protocol, command, talk):
    with start([*command, "server", str(CONNECTIONS)], protocol) as server:
        port = int(server.expect(rb"port (\d+)\n")[1])
        for _ in range(CONNECTIONS):
            talk(port)
        check_equal((server.finish(), server.output), (0, b"port %d\n" % port))


def serves_native(protocol, command):
    def talk(port):
        with native_client(protocol, port) as connection:
            say_lines(connection)
    serves(protocol, command, talk)


def is_alone(protocol, command):
    serves(protocol, command, lambda port: asks(protocol, command, port))


def main(language):
    command = LANGUAGES[language]
    need(command[0])
    add_both(f"{language}: its client and a native server", asks_native, command)
    if language not in CLIENTS_ONLY:
        add_both(f"{language}: its server and a native client", serves_native, command)
        add_both(f"{language}: its client and its server", is_alone, command)
    return run_cases()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
