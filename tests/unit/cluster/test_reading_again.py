"""Requests over connections that break, against a server on the loopback interface that breaks them."""

import asyncio
import ssl

import pytest
from kubernetes.aio.client import Configuration

from fourplane_kube import BrokenOffError, Cluster
from fourplane_kube.kinds import CONFIG_MAP

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def asked(work, broken):
    """Do something at a server that breaks so many connections first; return how many there were."""
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections > broken:
            writer.write(ANSWER)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        configuration = Configuration()
        configuration.host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Cluster(configuration, ssl.create_default_context()) as cluster:
            await work(cluster)
    return connections


async def test_a_read_whose_connection_breaks_is_sent_again():
    # aiohttp gives up at the second connection that breaks: the third try is ours.
    assert await asked(lambda cluster: cluster.get(CONFIG_MAP, "shop", "a"), broken=3) == 4


async def test_a_read_whose_connections_all_break_is_given_up():
    with pytest.raises(BrokenOffError):
        await asked(lambda cluster: cluster.get(CONFIG_MAP, "shop", "a"), broken=9)


async def test_a_write_whose_connection_breaks_is_the_callers_to_send_again():
    with pytest.raises(BrokenOffError):
        await asked(lambda cluster: cluster.create(CONFIG_MAP, "shop", {"metadata": {"name": "a"}}), broken=1)
