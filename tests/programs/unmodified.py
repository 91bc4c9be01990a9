# SPDX-License-Identifier: MIT
"""What the tests of unmodified programs share: programs that ask for TCP and get what
ask-for-tls.c makes of it, and peers on Python's sockets that are native: TCP's, or OpenSSL's.

Environment, beside harness.py's: TLSSOCK_TEST_VERSION, 1.2 or 1.3."""
import contextlib
import os
import shutil
import signal
import socket
import ssl
import time

import native
from harness import (DEADLINE, TCP, TLS, Process, add_case, asking, check, check_equal, client_settings,
                     environment, run, server_settings, version_settings, zoo)

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = os.environ["TLSSOCK_TEST_VERSION"]


def settings(protocol, **more):
    env = asking(environment(**server_settings(), **client_settings()), protocol)
    return {**env, **version_settings(VERSION), **more}


def start(command, protocol, cwd=None, **more):
    return Process(command, settings(protocol, **more), cwd)


def finish(command, protocol, stdin=b"", **more):
    """Runs a program to its end. Returns its status, output and errors."""
    done = run(command, settings(protocol, **more), stdin)
    return done.returncode, done.stdout, done.stderr


def stop(server, number=signal.SIGTERM, status=0):
    """Ends a server as its administrator would; all its processes must have gone."""
    check_equal(server.stop(number), status, server.output)
    until(lambda: not group_lives(server.child.pid), "processes outlive their server")


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition, complaint):
    end = time.monotonic() + DEADLINE
    while not condition():
        check(time.monotonic() < end, complaint)
        time.sleep(0.01)


def identity(folder):
    """Copies of the certificate and its key. Returns the settings that name them."""
    for name in "good.pem", "good.key":
        shutil.copyfile(zoo(name), os.path.join(folder, name))
    return {"TLSSOCK_CERT": os.path.join(folder, "good.pem"),
            "TLSSOCK_KEY": os.path.join(folder, "good.key")}


def unprivileged(folder):
    """For root, what starts a program as nobody, whose the folder becomes; else nothing."""
    if os.getuid():
        return []
    for path in [folder, *(entry.path for entry in os.scandir(folder))]:
        shutil.chown(path, "nobody", "nogroup")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=KILL"]


def client_context(protocol):
    return native.client_context(zoo("ca.pem"), VERSION) if protocol == TLS else None


def server_context(protocol):
    chain, key = zoo("good.pem"), zoo("good.key")
    return native.server_context(chain, key, VERSION) if protocol == TLS else None


def native_server(protocol, connections, talk_to):
    return native.Server(server_context(protocol), connections, talk_to)


@contextlib.contextmanager
def native_client(protocol, port):
    """A connection to a server; at the end of the block the server must have said goodbye."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as plain:
        context = client_context(protocol)
        if not context:
            yield plain
            return
        with context.wrap_socket(plain, server_hostname="localhost",
                                 suppress_ragged_eofs=False) as connection:
            yield connection
            with contextlib.suppress(ssl.SSLZeroReturnError):
                connection.unwrap().close()


@contextlib.contextmanager
def reserved_port():
    """A free port, kept from all but servers that set SO_REUSEADDR, for those that cannot
    tell which one they were given."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def add_both(name, function, *args):
    """The case on TCP, once, and on TLS."""
    if VERSION == "1.3":
        add_case(f"{name}, TCP", function, TCP, *args)
    add_case(name, function, TLS, *args)
