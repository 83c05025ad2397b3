"""What `fourplane up` says while it waits."""

import asyncio

from fourplane_cli.progress import Progress
from fourplane_cli.waiting import missing, say_what_is_missing


def a_status(*endpoints, rejected=(), processes=()):
    return {
        "rejected": [{"message": message} for message in rejected],
        "processes": [{"index": index, "failure": failure} for index, failure in enumerate(processes)],
        "pools": [{"name": "p", "endpoints": list(endpoints)}],
    }


def an_endpoint(failure="", **broken):
    found = [{"model": model, "problem": problem} for model, problem in broken.items()]
    return {"address": "a:1", "failure": failure, "broken": found}


def test_everything_that_keeps_it_from_being_ready_is_named():
    assert list(missing(a_status(an_endpoint()))) == []
    assert list(missing(a_status())) == []
    shown = a_status(
        an_endpoint("connection refused"),
        an_endpoint(m="there is none", n="another input"),
        rejected=["store/activation: damaged"],
        processes=["", "killed by SIGKILL"],
    )
    assert list(missing(shown)) == [
        "store/activation: damaged",
        "process 1: killed by SIGKILL",
        "pool p: a:1: connection refused",
        "pool p: a:1: model m: there is none",
        "pool p: a:1: model n: another input",
    ]


async def test_each_thing_is_said_once_and_again_when_it_changes(capsys):
    shown = [
        a_status(),
        a_status(an_endpoint("refused")),
        a_status(an_endpoint("refused")),
        a_status(an_endpoint("gone")),
    ]
    done = asyncio.Event()

    def status():
        if len(shown) == 1:
            done.set()
        return shown[0] if len(shown) == 1 else shown.pop(0)

    saying = asyncio.create_task(say_what_is_missing(status, Progress(), 0.001))
    async with asyncio.timeout(5):
        await done.wait()
    saying.cancel()
    lines = [line.split("waiting")[1].strip() for line in capsys.readouterr().err.splitlines()]
    assert lines == ["pool p: a:1: refused", "pool p: a:1: gone"]
