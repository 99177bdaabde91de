"""What is said of statecharts, held against runs of the plain interpreter: what can never happen never does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from unittest.mock import patch

from hypothesis import HealthCheck, assume, given, note, settings

import statewf as wf
from statewf.checker import check
from statewf.compiler import states
from statewf.definition.model import State, StateMachine, Transition, path_text
from statewf.definition.write import to_yaml
from tests.compiler.charts import charts, scripts
from tests.compiler.naive import Endless, Naive

Path = tuple[str | int, ...]
NEVER = ("unreachable-state", "shadowed-transition", "shadowed-guard", "event-never-accepted", "dead-timeout")


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(charts(), scripts, scripts)
def test_what_can_never_happen_never_does(
    definition: StateMachine, script: list[tuple[str, object]], other: list[tuple[str, object]]
) -> None:
    with patch.object(states, "MOST_PLACES", 100):
        report = check(definition, limit=500)
    never = {finding.where for finding in report.findings if finding.rule in NEVER}
    assume(
        never
        and not any(finding.rule in ("too-many-configurations", "endless-raise") for finding in report.findings)
    )
    note(to_yaml(definition))
    happened = {place for run in (script, other) for place in _places(definition, run)}
    assert never.isdisjoint(happened)


def _places(definition: StateMachine, script: list[tuple[str, object]]) -> Iterator[str]:
    """The places in the document of all states that are entered and transitions that are taken."""
    try:
        naive = Naive(definition)
        for event, given in script:
            if isinstance(given, dict):
                naive.send(event, given)
            else:
                naive.advance(int(str(given)))
    except Endless:
        assume(False)
    for path in (name for names in naive.came for name in names):
        yield path_text(_nested(tuple(path.split("."))))
    taken = {id(way) for way in naive.taken}
    for place, way in _ways(definition.states, ("states",)):
        if id(way) in taken:
            yield from (path_text(place), path_text((*place, "guard")))


def _nested(path: tuple[str, ...]) -> Path:
    return tuple(part for name in path for part in ("states", name))


def _ways(within: Mapping[str, State], path: Path) -> Iterator[tuple[Path, Transition]]:
    for name, state in within.items():
        here = (*path, name)
        listed: list[tuple[Path, tuple[Transition, ...]]] = [
            (("on", event), ways) for event, ways in state.on.items()
        ]
        for keys, ways in (*listed, (("always",), state.always), (("onDone",), state.on_done)):
            for i, way in enumerate(ways):
                yield (*here, *keys, *((i,) if len(ways) > 1 else ())), way
        yield from _ways(state.states, (*here, "states"))


def test_a_circle_is_told_that_no_timeout_around_it_ends() -> None:
    report = check(
        wf.loads("""
        name: m
        initialState: idle
        states:
          idle: { on: { GO: race, END: end } }
          race:
            timeout: 1m
            timeoutTransition: idle
            initial: run
            states: { run: { on: { TICK: run } } }
          end: { terminal: true }
        """)
    )
    (told,) = (finding for finding in report.findings if finding.rule == "unbounded-cycle")
    assert (told.message, told.where) == ("idle -> race.run -> idle can be repeated without end", "$.states.idle")
    assert report.bounds is not None
    assert report.bounds.why == "a cycle: idle → race.run → idle"
