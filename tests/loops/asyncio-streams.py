#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""asyncio's streams over sockets that they are given."""
import asyncio

import loop as program


async def serve(listener, connections):
    done = asyncio.Semaphore(0)

    async def echo(reader, writer):
        while data := await reader.read(program.BLOCK):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        done.release()

    async with await asyncio.start_server(echo, sock=listener):
        for _ in range(connections):
            await done.acquire()


async def send_all(writer, transfer):
    while piece := transfer.piece():
        transfer.sent += len(piece)
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


async def receive_all(reader, transfer):
    while data := await reader.read(program.BLOCK):
        transfer.take(data)


async def talk(connection, address, transfer):
    await asyncio.get_running_loop().sock_connect(connection, address)
    reader, writer = await asyncio.open_connection(sock=connection)
    await asyncio.gather(send_all(writer, transfer), receive_all(reader, transfer))
    writer.close()
    await writer.wait_closed()


if __name__ == "__main__":
    program.main(lambda *server: asyncio.run(serve(*server)),
                 lambda *client: asyncio.run(talk(*client)))
