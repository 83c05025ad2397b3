"""Whose conditions may be different after a step: everyone else's are not even computed."""

from collections.abc import Iterable, Iterator, Mapping

from fourplane_compiler.compilation import Compilation
from fourplane_compiler.conditions.facts import Answers
from fourplane_compiler.conditions.placement import Held
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import ROUTE, RUNTIME
from fourplane_core.control.snapshot import Digest
from fourplane_wire import trie


def by_compile(before: Compilation, after: Compilation) -> frozenset[SourceRef]:
    """Return the sources whose form or diagnostics a compile changed; those that were edited come on top."""
    said = {
        ref
        for ref in (*before.diagnostics, *after.diagnostics)
        if before.diagnostics.get(ref) is not after.diagnostics.get(ref)
    }
    framed = {SourceRef(RUNTIME, after.runtime)} if before.frame is not after.frame else set()
    return frozenset({*_sources(trie.changed_keys(before.root, after.root), after.runtime), *said, *framed})


def by_answers(
    before: Answers, after: Answers, compilation: Compilation, held: Mapping[Digest, Held]
) -> frozenset[SourceRef]:
    """Return the sources for which it matters that workers answered otherwise, of those that had settled.

    A source that has not settled yet is to be looked at anyway. Where nobody served and now somebody does, or the
    other way round, that is everyone; so it is where nobody can tell what is in a snapshot that is served. `held` has
    what was served before, too.
    """
    runtime = SourceRef(RUNTIME, compilation.runtime)
    moved = before.acknowledged ^ after.acknowledged
    if _stage(before) != _stage(after) or not moved <= held.keys():
        return frozenset({runtime, *(SourceRef(ROUTE, name) for name in compilation.routes)})
    differ = {ref for digest in moved for ref in _differing(held[digest], compilation)}
    blamed = {one.source for _, one in before.rejections ^ after.rejections if one.source is not None}
    return frozenset({runtime, *differ, *blamed})


def _stage(answers: Answers) -> tuple[bool, bool]:
    return answers.activated is not None, bool(answers.acknowledged)


def _differing(one: Held, compilation: Compilation) -> Iterator[SourceRef]:
    return _sources(trie.changed_keys(one.root, compilation.root), compilation.runtime)


def _sources(keys: Iterable[str], runtime: str) -> Iterator[SourceRef]:
    """Yield the source of each entry: a pool's is its runtime."""
    for key in keys:
        kind, _, name = key.partition("/")
        yield SourceRef(ROUTE, name) if kind == "route" else SourceRef(RUNTIME, runtime)
