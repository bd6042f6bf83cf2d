#!/usr/bin/python3
"""A line to the origin on which each connection has so many bytes in a second, as object stores and long ways have it.

usage: throttle.py UPSTREAM BYTES_PER_SECOND      (port 0 of loopback; prints the port it got)
"""

import asyncio
import sys

UPSTREAM, RATE = int(sys.argv[1]), int(sys.argv[2])
# Bytes that a connection may have at once: a fiftieth of a second's.
BURST = max(RATE // 50, 4096)


async def carry(reader, writer, rate):
    """Bytes one way until there are no more; at the rate, when there is one."""
    loop = asyncio.get_running_loop()
    allowed, then = BURST, loop.time()
    try:
        while True:
            data = await reader.read(BURST if rate else 65536)
            if not data:
                break
            if rate:
                now = loop.time()
                allowed = min(BURST, allowed + (now - then) * rate)
                then = now
                if (allowed := allowed - len(data)) < 0:
                    await asyncio.sleep(-allowed / rate)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def serve(reader, writer):
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", UPSTREAM, limit=BURST)
    await asyncio.gather(carry(reader, up_writer, None), carry(up_reader, writer, RATE))
    for each in (writer, up_writer):
        each.close()


async def main():
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


asyncio.run(main())
