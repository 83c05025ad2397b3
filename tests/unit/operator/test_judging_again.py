"""Who is told what, and who is not: a compile speaks of the very resource that it was made of."""

import asyncio
from types import SimpleNamespace

from compiler_resources import a_runtime, route_ref
from operator_making import Clock, a_route

from fourplane_api import parse
from fourplane_compiler.compilation import compile_all
from fourplane_operator.gathering import Gathered
from fourplane_operator.judging import Facts, Judge


class Offers:
    def __init__(self):
        self.made = []

    def offer(self, ref, wanted, *, urgent=False):
        self.made.append(ref)


def offered(uid):
    """Compile a route, let one of that name and some uid be known, and return who is told something."""
    route = a_route(version=1, uid="first")
    gathered, offers = Gathered(lambda _: None), Offers()
    gathered.saw(a_route(version=2, uid=uid))
    judge = Judge("default/demo", SimpleNamespace(gathered=gathered, statuses=offers, wall=Clock()))
    compilation = compile_all("default/demo", [a_runtime(), parse(route)])
    judge.touched.add(route_ref("r"))
    facts = Facts(compilation=compilation, active=None, reports=[], provisioning=None, propagation="")
    asyncio.run(judge.look(facts))
    return offers.made


def test_the_compiled_resource_is_told():
    assert offered("first") == [route_ref("r")]


def test_another_of_its_name_is_not_told_what_was_found_of_the_first():
    assert offered("second") == []
