# SPDX-License-Identifier: MIT
"""Files, pipes, children and plain sockets, blocking and not, and each way to
wait. Prints what each call gave."""
import asyncio
import mmap
import os
import select
import selectors
import socket
import socketserver
import subprocess
import tempfile
import threading


def files():
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        print(os.pread(file.fileno(), 4, 3), mmap.mmap(file.fileno(), 10)[2:5])
        print(os.fstat(file.fileno()).st_size)
    try_to(os.read, 12345, 1)


def try_to(function, *arguments):
    try:
        print(function(*arguments))
    except OSError as error:
        print(error)


def pipes():
    r, w = os.pipe()
    parts = [bytearray(2), bytearray(9)]
    print(os.write(w, b"pipe"), os.readv(r, parts), parts)
    print(select.select([r], [w], [], 0) == ([], [w], []))
    os.dup2(w, 99)
    os.close(99)
    os.close(w)
    print(os.read(r, 9), os.get_inheritable(r))
    os.close(r)


def children():
    print(subprocess.run(["sh", "-c", "cat; echo err >&2; exit 7"], input=b"fed",
                         capture_output=True, check=False))
    os.posix_spawnp("false", ["false"], os.environ)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


class Upper(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


def client(address):
    with socket.create_connection(address, timeout=20) as s:
        print(s.family, s.type, s.proto, s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
        s.sendmsg([b"in ", b"two parts\n"])
        print(s.recv(13, socket.MSG_PEEK | socket.MSG_WAITALL), s.recvmsg(100)[0])
        s.setblocking(False)
        try_to(s.recv, 1)
        poll = select.poll()
        poll.register(s)
        print([event for _, event in poll.poll(0)])
        s.shutdown(socket.SHUT_WR)
        s.setblocking(True)
        print(s.recv(1))


class Server(socketserver.ThreadingTCPServer):
    def __init__(self, family, host):
        self.address_family = family
        super().__init__((host, 0), Upper)


def stream(family, host):
    with Server(family, host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        client(server.server_address[:2])
        server.shutdown()
        thread.join()


def other_sockets():
    a, b = socket.socketpair()
    with a, b, tempfile.TemporaryFile() as file:
        socket.send_fds(a, [b"fd"], [file.fileno()])
        data, fds, _, _ = socket.recv_fds(b, 9, 1)
        print(data, os.fstat(fds[0]).st_ino == os.fstat(file.fileno()).st_ino)
        os.close(fds[0])
        with selectors.DefaultSelector() as selector:
            selector.register(b, selectors.EVENT_READ)
            a.send(b"x")
            print(type(selector).__name__, len(selector.select(20)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.sendto(b"datagram", datagrams.getsockname())
        print(datagrams.recvfrom(99)[0])
    for arguments in (2, 1, 6), (2, 1, 132), (2, 1, 999), (77, 1, 0), (2, 2, 17), (2, 99, 0):
        try_to(lambda arguments: socket.socket(*arguments).proto, arguments)


async def event_loop():
    async def serve(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"asynchronous\n")
    print(await reader.read())
    writer.close()
    server.close()
    child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    print((await child.communicate(b"through a child"))[0])


files()
pipes()
children()
try_to(stream, socket.AF_INET, "127.0.0.1")
try_to(stream, socket.AF_INET6, "::1")
other_sockets()
asyncio.run(event_loop())
