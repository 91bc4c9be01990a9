#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Python's selectors. LOOPS_SELECTOR names one of its classes."""
import errno
import os
import selectors
import socket
import sys

import loop as program

Selector = getattr(selectors, os.environ.get("LOOPS_SELECTOR", "DefaultSelector"))
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Echo:
    def __init__(self, connection):
        self.connection = connection
        self.data = bytearray()
        self.ended = False

    def step(self, events):
        """Returns what to wait for next; 0: it is over."""
        try:
            if events & READ:
                data = self.connection.recv(program.BLOCK)
                self.data += data
                self.ended = not data
            if events & WRITE:
                del self.data[:self.connection.send(self.data)]
        except BlockingIOError:
            pass
        reads = not self.ended and len(self.data) < program.BLOCK
        return (READ if reads else 0) | (WRITE if self.data else 0)


def serve(listener, connections):
    with Selector() as selector:
        selector.register(listener, READ)
        while connections:
            for key, events in selector.select():
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    selector.register(connection, READ, Echo(connection))
                elif wanted := key.data.step(events):
                    if wanted != key.events:
                        selector.modify(key.fileobj, wanted, key.data)
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    connections -= 1
    listener.close()


def send_piece(connection, transfer):
    """Returns False when there is nothing more to send."""
    try:
        transfer.sent += connection.send(transfer.piece())
    except BlockingIOError:
        pass
    if transfer.sent < len(transfer.data):
        return True
    connection.shutdown(socket.SHUT_WR)
    return False


def receive(connection, transfer):
    """Returns False at the end."""
    try:
        data = connection.recv(program.BLOCK)
    except BlockingIOError:
        return True
    transfer.take(data)
    return bool(data)


def run_client(connection, address, transfer):
    result = connection.connect_ex(address)
    if result != errno.EINPROGRESS:
        sys.exit(f"connect should be in progress: {os.strerror(result)}")
    with Selector() as selector:
        selector.register(connection, WRITE)
        selector.select()
        if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            sys.exit(f"connect: {os.strerror(error)}")
        selector.modify(connection, READ | WRITE)
        more = True
        while more:
            [(_, events)] = selector.select()
            if events & WRITE and not send_piece(connection, transfer):
                selector.modify(connection, READ)
            if events & READ:
                more = receive(connection, transfer)
    connection.close()


if __name__ == "__main__":
    program.main(serve, run_client)
