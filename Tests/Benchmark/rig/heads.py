#!/usr/bin/python3
"""An object store that only answers HEAD, at once and of every key: for rows that measure Larder and not the store.

usage: heads.py      (port 0 of loopback; prints the port it got)

Each object is as FillLedger has it: 1000 bytes, and its name for an ETag.
"""

import asyncio


class Heads(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.held = transport, b""

    def data_received(self, data):
        *requests, self.held = (self.held + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1].split(b"?", 1)[0]
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
                b"Accept-Ranges: bytes\r\nETag: \"" + path.rsplit(b"/", 1)[1] + b"\"\r\n\r\n")


async def main():
    listener = await asyncio.get_running_loop().create_server(Heads, "127.0.0.1", 0, backlog=256)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


asyncio.run(main())
