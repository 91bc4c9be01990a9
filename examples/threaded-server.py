#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""threaded-server.py [port]: sends back what each client sends, each client in
a thread of its own. The standard library's server, but for one number.

    TLSSOCK_CERT=server.pem TLSSOCK_KEY=server.key \\
        LD_PRELOAD=libtlssock.so python3 threaded-server.py 4433
"""
import socket
import socketserver
import sys

IPPROTO_TLS = 205  # scripting languages do not read tlssock.h


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(16384):
            self.request.sendall(data)


class TlsServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address, handler):
        super().__init__(address, handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(self.address_family, self.socket_type, IPPROTO_TLS)
        self.server_bind()
        self.server_activate()


with TlsServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Echo) as server:
    print("port", server.server_address[1], flush=True)
    server.serve_forever()
