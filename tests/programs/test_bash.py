#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bash and its descriptor games around a socket of /dev/tcp, which ask-for-tls.c makes TLS.

Usage: test_bash.py bash."""
import contextlib
import sys

from harness import TCP, TLS, add_case, check_equal, need, run_cases
from unmodified import VERSION, add_both, finish, native_server

LINES = b"hello\n" + b"".join(b"line %d\n" % i for i in range(300))
OPEN = 'exec 3<>"/dev/tcp/localhost/$1"\n'

# What reads prints all LINES.
READERS = {
    "a loop": 'while IFS= read -r line <&3; do echo "$line"; done',
    "a loop's redirection": 'while IFS= read -r line; do echo "$line"; done <&3',
    "a moved descriptor": 'exec {up}<&3 3<&-; while read -r -u "$up" line; do echo "$line"; done',
    "as standard input": 'exec 4<&0 0<&3 3<&-; while read -r line; do echo "$line"; done',
    "characters": 'read -r -N 4 some <&3; printf %s "$some"; while IFS= read -r -t 60 line <&3; do '
                  'echo "$line"; done',
    "mapfile": 'mapfile all <&3; printf %s "${all[@]}"',
    "a subshell": '(while read -r line; do echo "$line"; done) <&3; exec 3<&-',
    "a command substitution": 'all=$(while read -r l; do echo "$l"; done <&3); echo "$all"',
    "among here-documents": 'while read -r a <&3; do read -r b <<<"$a"; read -r c <<END\n$b\nEND\n'
                            'echo "$c"; done',
}
# What writes sends LINES, which are in "$2".
WRITERS = {
    "echo": 'echo -n "$2" >&3',
    "printf": 'printf %s "$2" >&3',
    "a loop": 'while IFS= read -r line; do echo "$line" >&3; done <<<"${2%?}"',
    "a loop's redirection": 'while IFS= read -r line; do echo "$line"; done <<<"${2%?}" >&3',
    "a group": '{ echo -n "${2:0:9}"; echo -n "${2:9}"; } >&3',
    "as standard output": 'exec 1>&3 3>&-; printf %s "$2"',
    "as standard error": 'exec 2>&3 3>&-; printf %s "$2" >&2',
    "a moved descriptor": 'exec {up}>&3 3>&-; printf %s "$2" >&"$up"; exec {up}>&-',
    "a subshell": '(printf %s "$2") >&3; exec 3>&-',
    "a function in the background": 'f() { printf %s "$2"; }; f "$@" >&3 & exec 3>&-; wait',
}
# What an executed program does with the socket: prints LINES, or sends them.
EXECUTED_READERS = {
    "cat from it": "cat <&3",
    "exec with it as input": "exec cat <&3",
    "a process substitution": "cat <(cat <&3)",
}
EXECUTED_WRITERS = {
    "cat to it": 'cat >&3 <<<"${2%?}"',
    "cat between": 'printf %s "$2" | cat >&3',
    "exec with it as output": 'exec cat >&3 <<<"${2%?}"',
}


def speak(connection):
    connection.sendall(LINES)


def bash(protocol, text, talk_to):
    """Runs the script with a native server, which must see a proper end."""
    with native_server(protocol, 1, talk_to) as server:
        command = [need("bash"), "-c", OPEN + text, "bash", str(server.port), LINES.decode()]
        done = finish(command, protocol)
        server.finish()
    return done


def reads(protocol, text):
    check_equal(bash(protocol, text, speak), (0, LINES, b""))


def writes(protocol, text):
    heard = []
    done = bash(protocol, text, lambda connection: heard.append(listen(connection)))
    check_equal((done, heard), ((0, b"", b""), [LINES]))


def listen(connection):
    return connection.makefile("rb").read()


def reads_and_writes(protocol):
    def answer(connection):
        with connection.makefile("rwb") as stream:
            for line in stream:
                stream.write(line.upper())
                stream.flush()
    text = 'for i in {1..50}; do echo "line $i" >&3 || exit; read -r got <&3; echo "$got"; done'
    wanted = b"".join(b"LINE %d\n" % i for i in range(1, 51))
    check_equal(bash(protocol, text, answer), (0, wanted, b""))


def is_safe(text):
    """The program reads nothing, neither text nor ciphertext, and writes nothing; the peer
    may see the end cut off."""
    heard = []

    def speak_and_listen(connection):
        connection.sendall(LINES)
        with contextlib.suppress(OSError):
            while data := connection.recv(100):
                heard.append(data)
    with native_server(TLS, 1, speak_and_listen) as server:
        command = [need("bash"), "-c", OPEN + text, "bash", str(server.port), LINES.decode()]
        _, output, _ = finish(command, TLS)
        server.join()
    check_equal((output, heard), (b"", []))


def goes_on():
    """The socket is still bash's after a program that did not get it."""
    text = 'cat <&3 2>/dev/null; mapfile all <&3; printf %s "${all[@]}"'
    status, output, _ = bash(TLS, text, speak)
    check_equal((status, output), (0, LINES))


def main():
    for name, text in READERS.items():
        add_both(f"bash reads: {name}", reads, text)
    for name, text in WRITERS.items():
        add_both(f"bash writes: {name}", writes, text)
    add_both("bash reads and writes in turn", reads_and_writes)
    if VERSION == "1.3":
        for name, text in EXECUTED_READERS.items():
            add_case(f"control: {name} reads on TCP", reads, TCP, text)
        for name, text in EXECUTED_WRITERS.items():
            add_case(f"control: {name} writes on TCP", writes, TCP, text)
    for name, text in {**EXECUTED_READERS, **EXECUTED_WRITERS}.items():
        add_case(f"bash executes safely: {name}", is_safe, text)
    add_case("bash goes on after a program", goes_on)
    return run_cases()


if __name__ == "__main__":
    sys.exit(main())
