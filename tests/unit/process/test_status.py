"""What is said of engines: reached or not, and whether their models are as declared."""

import pytest
from store_making import KEY, a_route, a_snapshot, a_state, publish

from fourplane_wire.signing import Keyring
from fourplane_worker.front.pools import Endpoint
from fourplane_worker.process import reports
from fourplane_worker.process.fleet import Fleet
from fourplane_worker.process.intake import Intake
from fourplane_worker.process.messages import Activated, Reach, Report, Started
from fourplane_worker.process.status import Facts, status, tally
from fourplane_worker.telemetry.metrics import EndpointCounts
from fourplane_worker.telemetry.rates import Window

FACTS = Facts(
    pid=1,
    started="",
    listen="",
    metrics="",
    tls=False,
    draining=False,
    rates=Window().rates(),
    propagation_s=None,
)
UP = {"failure": "", "broken": {}}
DOWN = {"failure": "refused", "broken": {}}
BROKEN = {"failure": "", "broken": {"m": "its input is another"}}


class World:
    """Processes that serve a snapshot, and say what they are told to."""

    def __init__(self, folder, number):
        state = a_state(folder)
        publish(state, a_snapshot(a_route("r")), 1)
        self.intake = Intake(state, Keyring([KEY.public]))
        self.intake.begin()
        self.fleet = Fleet(state, number, lambda _: None)
        offer = {"epoch": self.intake.offer.epoch, "sequence": 1, "digest": self.intake.offer.digest}
        for child in self.fleet.children:
            child._hear(Started(pid=1))
            child._hear(Activated(offer=offer, millis=1.0))

    def say(self, index, **addresses):
        """Let a process report what it finds at the addresses of the snapshot's only pool."""
        (pool,) = self.intake.snapshot.pools
        self.fleet.children[index]._hear(Report(id=1, series=[], totals={}, pools={str(pool.name): addresses}))

    def shown(self):
        """Return the state of the whole, and the only pool."""
        found = status(FACTS, self.intake, self.fleet)
        (pool,) = found["pools"]
        return found["state"], pool

    def counts(self):
        (found,) = map(tally, self.fleet.endpoints().values())
        return found


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "state", 2)


def test_engines_that_all_processes_reach_are_up(world):
    world.say(0, a=UP, b=UP)
    world.say(1, a=UP, b=UP)
    assert [world.shown()[0], world.shown()[1]["state"]] == ["Ready", "Up"]
    assert world.counts() == EndpointCounts(up=2, degraded=0, known=2)


def test_an_engine_that_breaks_a_contract_for_one_process_is_degraded(world):
    world.say(0, a=UP)
    world.say(1, a=BROKEN)
    state, pool = world.shown()
    assert (state, pool["state"]) == ("Degraded", "Degraded")
    assert pool["endpoints"] == [
        {
            "address": "a",
            "up": True,
            "failure": "",
            "broken": [{"model": "m", "problem": "its input is another"}],
        }
    ]
    assert world.counts() == EndpointCounts(up=0, degraded=1, known=1)
    world.say(1, a=UP)
    assert world.shown()[0] == "Ready"


def test_an_engine_that_one_process_does_not_reach_is_down_whatever_others_say(world):
    world.say(0, a=BROKEN, b=UP)
    world.say(1, a=DOWN, b=UP)
    state, pool = world.shown()
    assert (state, pool["state"]) == ("Degraded", "Degraded")
    assert [(one["up"], one["failure"]) for one in pool["endpoints"]] == [(False, "refused"), (True, "")]
    assert world.counts() == EndpointCounts(up=1, degraded=0, known=2)


@pytest.mark.parametrize("addresses", [{}, {"a": DOWN}])
def test_a_pool_without_an_engine_that_is_reached_is_down(world, addresses):
    world.say(0, **addresses)
    world.say(1, **addresses)
    state, pool = world.shown()
    assert (state, pool["state"]) == ("Degraded", "Down")


def an_endpoint(**about):
    endpoint = Endpoint("a", None, None, None)
    for name, value in about.items():
        setattr(endpoint, name, value)
    return endpoint


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (an_endpoint(), Reach(failure="it is being connected to")),
        (an_endpoint(failure="refused", broken={"m": "was wrong"}), Reach(failure="refused")),
        (an_endpoint(connections=["busy"]), Reach()),
        (an_endpoint(connections=["busy"], broken={"m": "is wrong"}), Reach(broken={"m": "is wrong"})),
    ],
)
def test_a_process_tells_what_it_finds(endpoint, expected):
    assert reports._reach(endpoint) == expected
