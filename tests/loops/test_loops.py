#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Event loops of other people drive IPPROTO_TLS sockets, and notice nothing.

Usage: test_loops.py LOOP. Environment, beside harness.py's: TLSSOCK_TEST_LOOPS, the built
programs; TLSSOCK_TEST_VERSION, 1.2 or 1.3."""
import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import native
from harness import (DEADLINE, TCP, TLS, Process, add_case, asking, check_equal, client_settings,
                     environment, need, run, run_cases, server_settings, version_settings, zoo)

CONNECTIONS, LENGTH, PIECES = 20, 200_000, 200_001
TOGETHER = 2
HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.environ["TLSSOCK_TEST_LOOPS"]
VERSION = os.environ["TLSSOCK_TEST_VERSION"]
# Each loop's command; what it needs is checked when it runs.
LOOPS = {
    **{name: [os.path.join(BUILT, f"loop-{name}")]
       for name in ("polled", "edge", "libevent", "libev", "libuv", "glib")},
    "asyncio-sock": [sys.executable, os.path.join(HERE, "asyncio-sock.py")],
    "asyncio-streams": [sys.executable, os.path.join(HERE, "asyncio-streams.py")],
    "selectors-epoll": [sys.executable, os.path.join(HERE, "selectors-loop.py")],
    "selectors-select": [sys.executable, os.path.join(HERE, "selectors-loop.py")],
    "io-select": ["perl", os.path.join(HERE, "io-select.pl")],
    "node": ["node", os.path.join(HERE, "net.js")],
}
SELECTORS = {"selectors-epoll": "EpollSelector", "selectors-select": "SelectSelector"}


def settings(loop, protocol):
    env = environment(LOOPS_PROTOCOL=protocol, **server_settings(), **client_settings())
    env.update(version_settings(VERSION))
    if loop in SELECTORS:
        env["LOOPS_SELECTOR"] = SELECTORS[loop]
    if loop == "node":
        env = asking(env, protocol)
    return env


@contextlib.contextmanager
def serving(loop, connections, protocol=TLS):
    """A server of the loop. Gives its port; it must end well after so many connections."""
    need(LOOPS[loop][0])
    command = [*LOOPS[loop], "server", str(connections)]
    with Process(command, settings(loop, protocol)) as server:
        port = int(server.expect(rb"port (\d+)\n")[1])
        yield port
        check_equal((server.finish(), server.output), (0, b"port %d\n" % port))


def run_clients(loop, port, count, protocol=TLS):
    """Clients of the loop, all at the same time."""
    need(LOOPS[loop][0])
    command = [*LOOPS[loop], "client", str(port), str(PIECES)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Process(command, settings(loop, protocol)))
                   for _ in range(count)]
        check_equal([(client.finish(), client.output) for client in clients], [(0, b"")] * count)


def is_alone(loop, protocol):
    with serving(loop, TOGETHER, protocol) as port:
        run_clients(loop, port, TOGETHER, protocol)


def serves_natives(loop):
    context = native.client_context(zoo("ca.pem"), VERSION)
    data = os.urandom(LENGTH)
    with serving(loop, CONNECTIONS) as port, ThreadPoolExecutor(CONNECTIONS) as pool:
        talks = [pool.submit(native.talk, context, port, data) for _ in range(CONNECTIONS)]
        for talk in talks:
            talk.result(DEADLINE)


def asks_native(loop):
    context = native.server_context(zoo("good.pem"), zoo("good.key"), VERSION)
    with native.Server(context, TOGETHER) as server:
        run_clients(loop, server.port, TOGETHER)
        server.finish()


def last_words(loop):
    """One segment with the last data and close_notify, and no FIN behind it."""
    context = native.client_context(zoo("ca.pem"), VERSION)
    with serving(loop, 1) as port:
        check_equal(native.talk_briefly(context, port, b"last words"), b"last words")


def reuses_numbers(protocol):
    """libuv closes by syscall(SYS_close), which no hook sees."""
    file = os.path.join(HERE, "reuse.js")
    with serving("polled", 1, protocol) as port:
        done = run([need("node"), file, str(port), file], settings("node", protocol))
        wanted = b"file %d\nchild\n" % os.path.getsize(file)
        check_equal((done.returncode, done.stdout, done.stderr), (0, wanted, b""))


def destroys(protocol):
    """The peer of a socket that libuv closes by itself sees a proper end."""
    command = [need("node"), os.path.join(HERE, "destroy.js")]
    with Process(command, settings("node", protocol)) as server:
        port = int(server.expect(rb"port (\d+)\n")[1])
        with native.connect(port) as plain:
            context = native.client_context(zoo("ca.pem"), VERSION)
            connection = plain if protocol == TCP else context.wrap_socket(
                plain, server_hostname="localhost", suppress_ragged_eofs=False)
            with connection:
                connection.sendall(b"ping")
                check_equal((connection.recv(9), connection.recv(9)), (b"ping", b""))
        check_equal(server.finish(), 0)


def is_given(protocol):
    """A net.Socket on a descriptor that is connected already."""
    with serving("node", 1, protocol) as port:
        env = settings("node", protocol)
        env["ASK_CONNECT"] = str(port)
        done = run([*LOOPS["node"], "given", "-", str(PIECES)], env)
        check_equal((done.returncode, done.stdout, done.stderr), (0, b"", b""))


def main(loop):
    if VERSION == "1.3":  # once
        add_case(f"{loop}: its client and its server, TCP", is_alone, loop, TCP)
    add_case(f"{loop}: its client and its server", is_alone, loop, TLS)
    add_case(f"{loop}: its server and OpenSSL's clients", serves_natives, loop)
    add_case(f"{loop}: its clients and OpenSSL's server", asks_native, loop)
    add_case(f"{loop}: its server and a last record with close_notify", last_words, loop)
    if loop == "node":
        add_case("node: a given descriptor, TCP", is_given, TCP)
        add_case("node: a given descriptor", is_given, TLS)
    if loop == "node" and VERSION == "1.3":
        add_case("node: a number that was a socket's, TCP", reuses_numbers, TCP)
        add_case("node: a number that was a TLS socket's", reuses_numbers, TLS)
        add_case("node: the end of a destroyed socket, TCP", destroys, TCP)
        add_case("node: the end of a destroyed socket", destroys, TLS)
    return run_cases()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
