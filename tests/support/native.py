# SPDX-License-Identifier: MIT
"""Peers on Python's ssl module, which is OpenSSL: an end without close_notify is an
error to them."""
import contextlib
import select
import socket
import ssl
import threading

from harness import DEADLINE, check, check_equal

PIECE = 7001
BLOCK = 65536
WINDOW = 16384  # bytes: small, so that the other end often has to wait
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


def client_context(ca, version):
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def server_context(chain, key, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def attempt(function, *args):
    """Returns None if it has to wait."""
    try:
        return function(*args)
    except WAITS:
        return None


def wait(connection, sends):
    ready = select.select([connection], [connection] if sends else [], [], DEADLINE)
    check(ready[0] or ready[1], "the peer is silent")


def connect(port):
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    plain.settimeout(DEADLINE)
    plain.connect(("127.0.0.1", port))
    return plain


def exchange(connection, data):
    """Sends the data while it reads the echo."""
    sent, echo = 0, bytearray()
    while len(echo) < len(data):
        wrote = read = None
        if sent < len(data):
            wrote = attempt(connection.send, data[sent:sent + PIECE])
            sent += wrote or 0
        read = attempt(connection.recv, BLOCK)
        check(read != b"", f"the end after {len(echo)} bytes")
        echo += read or b""
        if not wrote and not read:
            wait(connection, sent < len(data))
    return bytes(echo)


def talk(context, port, data):
    """A client: data to the server and back, then both ends say goodbye."""
    with connect(port) as plain:
        connection = context.wrap_socket(plain, server_hostname="localhost",
                                         suppress_ragged_eofs=False)
        with connection:
            check_equal(connection.version(), "TLSv" + str(context.minimum_version.name[-3:]
                                                           .replace("_", ".")))
            connection.setblocking(False)
            check(exchange(connection, data) == data, "other bytes came back")
            connection.settimeout(DEADLINE)
            with connection.unwrap() as bare:
                check_equal(bare.recv(1), b"", "after close_notify")


def step(function, plain, incoming, outgoing):
    """Runs a call of an SSLObject to its end over the socket."""
    while True:
        try:
            return function()
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            data = plain.recv(BLOCK)
            incoming.write(data) if data else incoming.write_eof()


def talk_briefly(context, port, data):
    """A client that sends its data and close_notify at once, and leaves TCP open. Returns
    what came back until the server's own close_notify."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connect(port) as plain:
        step(tls.do_handshake, plain, incoming, outgoing)
        plain.sendall(outgoing.read())
        tls.write(data)
        attempt(tls.unwrap)
        plain.sendall(outgoing.read())
        echo = b""
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while True:
                echo += step(lambda: tls.read(BLOCK), plain, incoming, outgoing)
    return echo


def echo(connection):
    while data := connection.recv(BLOCK):
        connection.sendall(data)


class Server:
    """A server, a thread for each connection; without a context on TCP. It echoes, unless it
    is given another function to talk."""

    def __init__(self, context, connections, talk_to=echo):
        self.context = context
        self.talk_to = talk_to
        self.faults = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.serve, daemon=True)
                        for _ in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def finish(self):
        self.join()
        check_equal(self.faults, [])

    def join(self):
        """Waits for the connections, however they end."""
        for thread in self.threads:
            thread.join(DEADLINE)
        check(not any(thread.is_alive() for thread in self.threads), "a connection does not end")

    def serve(self):
        try:
            plain, _ = self.listener.accept()
            with plain:
                plain.settimeout(DEADLINE)
                self.converse(plain)
        except Exception as fault:
            self.faults.append(repr(fault))

    def converse(self, plain):
        if not self.context:
            self.talk_to(plain)
            return
        connection = self.context.wrap_socket(plain, server_side=True,
                                              suppress_ragged_eofs=False)
        with connection:
            self.talk_to(connection)
            # A peer that said goodbye and is gone answers ours with a reset.
            with contextlib.suppress(ssl.SSLZeroReturnError):
                connection.unwrap().close()
