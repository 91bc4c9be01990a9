#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unmodified databases and caches over TLS: their own clients, and native ones.

Usage: test_stores.py redis | memcached | postgresql."""
import contextlib
import functools
import glob
import os
import re
import signal
import struct
import sys

from harness import TLS, Folder, check, check_equal, environment, need, run, run_cases, zoo
from unmodified import (add_both, finish, identity, native_client, reserved_port, start, stop,
                        unprivileged, until)

TOGETHER = 5
BULK = b"b" * 500_000
kept = contextlib.ExitStack()


@contextlib.contextmanager
def serving(protocol, ready, command, number=signal.SIGTERM):
    """Starts a server as nobody, in a folder of its own; gives its port and the folder."""
    with Folder() as folder, reserved_port() as port:
        paths = identity(folder)
        words = [word.format(port=port, folder=folder) for word in command]
        with start([*unprivileged(folder), *words], protocol, cwd=folder, **paths) as server:
            server.expect(ready)
            yield port, folder
            stop(server, number)


def serving_redis(protocol):
    return serving(protocol, rb"Ready to accept connections", [
        need("redis-server"), "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{folder}",
        "--save", "", "--enable-debug-command", "yes"])


def native_redis(protocol, port, *words, stdin=b"", program="redis-cli"):
    """redis-cli with a TLS of its own."""
    tls = ["--tls", "--cacert", zoo("ca.pem")] if protocol == TLS else []
    done = run([need(program), "-h", "localhost", "-p", str(port), *tls, *words],
               environment(False), stdin)
    check_equal((done.returncode, done.stderr), (0, b""))
    return done.stdout


def redis_natively(protocol):
    with serving_redis(protocol) as (port, _):
        check_equal(native_redis(protocol, port, "set", "one", "first"), b"OK\n")
        check_equal(native_redis(protocol, port, "-x", "set", "bulk", stdin=BULK), b"OK\n")
        check_equal(native_redis(protocol, port, "get", "bulk"), BULK + b"\n")
        lines = b"".join(b"SET key%d value%d\r\n" % (i, i) for i in range(5000))
        said = native_redis(protocol, port, "--pipe", stdin=lines)
        check(b"errors: 0, replies: 5000" in said, said)
        check_equal(native_redis(protocol, port, "get", "key4999"), b"value4999\n")


def redis_load(protocol):
    with serving_redis(protocol) as (port, _):
        said = native_redis(protocol, port, "-q", "-c", "20", "-n", "2000", "-P", "8", "-t",
                            "set,get,lrange_300", program="redis-benchmark")
        check_equal(len(re.findall(rb"requests per second", said)), 4, said)


def redis_saves(protocol):
    """The child that saves inherits the connections, and leaves them alone."""
    with serving_redis(protocol) as (port, folder):
        lines = [b"debug populate 20000", b"bgsave"] + [b"ping"] * 2000
        said = native_redis(protocol, port, stdin=b"\n".join(lines) + b"\n")
        check_equal(said, b"OK\nBackground saving started\n" + b"PONG\n" * 2000)
        until(lambda: b"bgsave_in_progress:0" in native_redis(protocol, port, "info"), "no end")
        check(os.path.getsize(os.path.join(folder, "dump.rdb")) > 0)


def redis_alone(protocol):
    with serving_redis(protocol) as (port, _):
        client = ["redis-cli", "-h", "localhost", "-p", str(port)]
        check_equal(finish([*client, "-x", "set", "bulk"], protocol, BULK), (0, b"OK\n", b""))
        check_equal(finish([*client, "get", "bulk"], protocol), (0, BULK + b"\n", b""))


def serving_memcached(protocol):
    return serving(protocol, rb"server listening", [
        need("memcached"), "-l", "127.0.0.1", "-p", "{port}", "-U", "0", "-t", "4", "-vv"])


def memcached_natively(protocol):
    with serving_memcached(protocol) as (port, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(native_client(protocol, port)) for _ in range(TOGETHER)]
        streams = [stack.enter_context(client.makefile("rwb")) for client in clients]
        for stream in streams:
            stream.write(b"set bulk 0 0 %d\r\n%s\r\n" % (len(BULK), BULK))
            stream.flush()
            check_equal(stream.readline(), b"STORED\r\n")
        for stream in streams:
            stream.write(b"get bulk none bulk\r\nquit\r\n")
            stream.flush()
            value = b"VALUE bulk 0 %d\r\n%s\r\n" % (len(BULK), BULK)
            check(stream.read() == value * 2 + b"END\r\n", "another value came")


def memcached_alone(protocol):
    """Its own clients are libraries: Perl's sockets stand for one."""
    talk = ('use IO::Socket::IP; my $s = IO::Socket::IP->new(PeerHost => "localhost", '
            'PeerPort => shift, Proto => "tcp") or die $@; print $s "set a 0 0 1\\r\\n1\\r\\n'
            'get a\\r\\nquit\\r\\n"; print while <$s>;')
    with serving_memcached(protocol) as (port, _):
        check_equal(finish(["perl", "-e", talk, str(port)], protocol),
                    (0, b"STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n", b""))


@functools.cache
def postgresql_cluster():
    """The programs' directory, and that of a cluster which all cases share."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    tools = found[-1] if found else os.path.dirname(need("postgres"))
    folder = kept.enter_context(Folder())
    done = run([*unprivileged(folder), f"{tools}/initdb", "-D", f"{folder}/data", "-A", "trust",
                "-U", "postgres", "--no-sync", "--locale=C.UTF-8"], environment(False), cwd=folder)
    check_equal(done.returncode, 0, done.stderr)
    return tools, folder


def serving_postgresql(protocol):
    tools, cluster = postgresql_cluster()
    return serving(protocol, rb"database system is ready to accept connections", [
        f"{tools}/postgres", "-D", f"{cluster}/data", "-k", "{folder}", "-p", "{port}", "-c",
        "listen_addresses=localhost", "-c", "fsync=off"], signal.SIGINT)


def psql(port, *words):
    place = f"host=localhost port={port} user=postgres dbname=postgres sslmode=disable"
    return [need("psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words, place]


def receive(stream):
    kind = stream.read(1)
    return kind, stream.read(struct.unpack("!I", stream.read(4))[0] - 4)


def postgresql_natively(protocol):
    """Its protocol, version 3, in so far as a query needs it."""
    query = b"select repeat('r', 100000), pg_backend_pid()\0"
    hello = struct.pack("!I", 3 << 16) + b"user\0postgres\0database\0postgres\0\0"
    with serving_postgresql(protocol) as (port, _):
        for _ in range(TOGETHER):
            with native_client(protocol, port) as client, client.makefile("rwb") as stream:
                stream.write(struct.pack("!I", len(hello) + 4) + hello)
                stream.flush()
                while receive(stream)[0] != b"Z":
                    pass
                stream.write(b"Q" + struct.pack("!I", len(query) + 4) + query)
                stream.flush()
                answer = {}
                while b"Z" not in answer:
                    kind, data = receive(stream)
                    answer[kind] = data
                check(b"r" * 100_000 in answer[b"D"], answer)
                stream.write(b"X" + struct.pack("!I", 4))
                stream.flush()


def postgresql_alone(protocol):
    rows = b"".join(b"%d\n" % i for i in range(200_000))
    with serving_postgresql(protocol) as (port, _):
        def ask(*words, stdin=b""):
            return finish(psql(port, *words), protocol, stdin)
        ask("-c", "drop table if exists t")
        check_equal(ask("-c", "create table t (i int)"), (0, b"CREATE TABLE\n", b""))
        check_equal(ask("-c", "copy t from stdin", stdin=rows), (0, b"COPY 200000\n", b""))
        check(ask("-c", "copy t to stdout") == (0, rows, b""), "other rows came")
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(start(psql(port, "-c", "select sum(i) from t"),
                                                 protocol)) for _ in range(TOGETHER)]
            check_equal([(client.finish(), client.output) for client in clients],
                        [(0, b"19999900000\n")] * TOGETHER)


def postgresql_cancels(protocol):
    """psql's signal handler makes a connection of its own to have a query cancelled."""
    with serving_postgresql(protocol) as (port, _):
        words = psql(port, "-c", "select 'begun'", "-c", "select pg_sleep(600)")
        with start(words, protocol) as client:
            client.expect(rb"begun\n")
            sleeping = ("-c", "select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
            until(lambda: finish(psql(port, *sleeping), protocol)[1] == b"1\n", "does not sleep")
            check_equal(client.stop(signal.SIGINT), 1)
            check(b"canceling statement due to user request" in client.output, client.output)


CASES = {
    "redis": {
        "its own TLS client": redis_natively,
        "its benchmark, 20 clients": redis_load,
        "a child that saves": redis_saves,
        "an unmodified redis-cli": redis_alone,
    },
    "memcached": {
        "native clients": memcached_natively,
        "an unmodified client": memcached_alone,
    },
    "postgresql": {
        "native clients": postgresql_natively,
        "an unmodified psql": postgresql_alone,
        "a query that is cancelled": postgresql_cancels,
    },
}


def main(kind):
    for name, function in CASES[kind].items():
        add_both(f"{kind}: {name}", function)
    with kept:
        return run_cases()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
