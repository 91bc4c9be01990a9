#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""asyncio's own calls on sockets: loop.sock_accept, sock_recv and their kin."""
import asyncio
import socket

import loop as program


async def echo(connection):
    events = asyncio.get_running_loop()
    while data := await events.sock_recv(connection, program.BLOCK):
        await events.sock_sendall(connection, data)
    connection.close()


async def accept_all(listener, connections):
    events = asyncio.get_running_loop()
    tasks = []
    for _ in range(connections):
        connection, _ = await events.sock_accept(listener)
        tasks.append(asyncio.create_task(echo(connection)))
    await asyncio.gather(*tasks)
    listener.close()


async def send_all(connection, transfer):
    events = asyncio.get_running_loop()
    while piece := transfer.piece():
        transfer.sent += len(piece)
        await events.sock_sendall(connection, piece)
    connection.shutdown(socket.SHUT_WR)


async def receive_all(connection, transfer):
    events = asyncio.get_running_loop()
    space = bytearray(program.BLOCK)
    while size := await events.sock_recv_into(connection, space):
        transfer.take(bytes(space[:size]))


async def talk(connection, address, transfer):
    await asyncio.get_running_loop().sock_connect(connection, address)
    await asyncio.gather(send_all(connection, transfer), receive_all(connection, transfer))
    connection.close()


if __name__ == "__main__":
    program.main(lambda *server: asyncio.run(accept_all(*server)),
                 lambda *client: asyncio.run(talk(*client)))
