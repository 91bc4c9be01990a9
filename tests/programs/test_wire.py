#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is on the wire: a relay between two programs records every byte, and the
payload must not be among them. A control without TLS shows that it would be
found."""
import socket
import sys
import threading

from harness import (Process, add_case, case, check, check_equal, client_settings, environment,
                     example, run, run_cases, script, server_settings)

PYTHON = sys.executable
MARK = b"attack at dawn, "
PAYLOAD = b"".join(b"%s%d times\n" % (MARK, i) for i in range(100))

# A client which has a child write to its TLS socket, each way a child comes to be.
LEAKER = '''
import ctypes, fcntl, os, socket, subprocess, sys
libc = ctypes.CDLL(None)
libc.popen.restype = ctypes.c_void_p
way, port, mark = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, int(os.environ["PROTOCOL"]))
s.connect(("localhost", int(port)))
s.sendall(b"sealed\\n")
s.recv(100)
fd, shell = s.fileno(), f"echo {mark} >&{s.fileno()}"
fcntl.fcntl(fd, fcntl.F_SETFD, 0)
WAYS = {
    "system": lambda: os.system(shell),
    "popen": lambda: libc.pclose(ctypes.c_void_p(libc.popen(shell.encode(), b"r"))),
    "subprocess": lambda: subprocess.run(shell, shell=True, pass_fds=[fd]),
    "close_fds=False": lambda: subprocess.run(shell, shell=True, close_fds=False),
    "as standard output": lambda: subprocess.run(["echo", mark], stdout=s),
    "posix_spawn": lambda: os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", shell], os.environ), 0),
    "posix_spawn with dup2": lambda: os.waitpid(os.posix_spawn("/bin/echo", ["echo", mark],
        os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, fd, 1)]), 0),
    "fork and exec": lambda: os.fork() or os.execv("/bin/sh", ["sh", "-c", shell]),
    "exec": lambda: os.execv("/bin/sh", ["sh", "-c", shell]),
    "exec after FIONCLEX": lambda: os.set_inheritable(fd, True) or WAYS["exec"](),
    "exec with a duplicate": lambda: os.execv("/bin/sh",
        ["sh", "-c", f"echo {mark} >&{os.dup2(fd, 9)}"]),
    "exec with it as standard output": lambda: os.dup2(fd, 1) and os.execv("/bin/echo",
        ["echo", mark]),
}
try:
    WAYS[way]()
    if way.startswith("fork"):
        os.wait()
except OSError as error:
    print(error)
print("done")
'''
WAYS = ["system", "popen", "subprocess", "close_fds=False", "as standard output", "posix_spawn",
        "posix_spawn with dup2", "fork and exec", "exec", "exec after FIONCLEX",
        "exec with a duplicate", "exec with it as standard output"]


class Relay:
    """Takes one connection, makes one to the given port, and passes on bytes,
    which it keeps, until both sides have ended."""

    def __init__(self, port):
        self.target = ("127.0.0.1", int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])
        self.seen = {"to server": b"", "to client": b""}
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        client = self.listener.accept()[0]
        with client, socket.create_connection(self.target) as server:
            back = threading.Thread(target=self.pump, args=("to client", server, client))
            back.start()
            self.pump("to server", client, server)
            back.join()

    def pump(self, direction, source, sink):
        try:
            while data := source.recv(65536):
                self.seen[direction] += data
                sink.sendall(data)
        except OSError:
            pass  # one end is gone: the other is told below
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def all(self):
        """Waits for the end of the connection. Returns what was seen."""
        self.thread.join(20)
        check(not self.thread.is_alive(), "the connection does not end")
        return self.seen


def preloaded_server():
    return Process([example("echo-server")], environment(True, **server_settings()))


def plain_server():
    """The threaded example, with TLS's number replaced by TCP's."""
    with open(script("threaded-server.py"), encoding="ascii") as file:
        text = file.read().replace("IPPROTO_TLS = 205", "IPPROTO_TLS = 0")
    return Process([PYTHON, "-c", text], environment(False))


def port_of(server):
    return server.expect(rb"port (\d+)\n")[1].decode()


def payload_is_sealed(command, preload):
    with preloaded_server() as server, Relay(port_of(server)) as relay:
        done = run([*command, "localhost", relay.port],
                   environment(preload, **client_settings()), PAYLOAD)
        check_equal((done.returncode, done.stdout), (0, PAYLOAD), done.stderr)
        for direction, seen in relay.all().items():
            check(seen.startswith(b"\x16\x03"), direction, seen[:16])
            check(len(seen) > len(PAYLOAD), direction, len(seen))
            check(MARK not in seen, direction)


@case("control: without TLS the relay sees the payload")
def payload_is_seen():
    with plain_server() as server, Relay(port_of(server)) as relay:
        with socket.create_connection(("127.0.0.1", int(relay.port))) as client:
            client.sendall(PAYLOAD)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        check_equal(relay.all(), {"to server": PAYLOAD, "to client": PAYLOAD})


def leak(way, server, protocol, preload):
    with server, Relay(port_of(server)) as relay:
        env = environment(preload, PROTOCOL=str(protocol), **client_settings())
        done = run([PYTHON, "-c", LEAKER, way, relay.port, MARK.decode().strip()], env)
        return done, relay.all()["to server"]


def child_leaks_nothing(way):
    done, seen = leak(way, preloaded_server(), 205, True)
    check(seen.startswith(b"\x16\x03"), done.stderr)
    check(MARK.strip() not in seen, "a child wrote to the wire in the clear")


def child_would_leak(way):
    _, seen = leak(way, plain_server(), 0, False)
    check_equal(seen, b"sealed\n" + MARK.strip() + b"\n")


add_case("echo-client's payload is sealed", payload_is_sealed, [example("echo-client")], True)
add_case("a linked client's payload is sealed", payload_is_sealed,
         [example("echo-client-linked")], False)
add_case("a Python client's payload is sealed", payload_is_sealed,
         [PYTHON, script("client.py")], True)
for _way in WAYS:
    add_case(f"control: a child by {_way} writes to a TCP socket", child_would_leak, _way)
    add_case(f"a child by {_way} writes nothing in the clear", child_leaks_nothing, _way)

if __name__ == "__main__":
    sys.exit(run_cases())
