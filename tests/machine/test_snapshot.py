"""What can be read off a snapshot, and whether one that was read can be a machine's at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.files import loads
from statewf.machine.fsm import Arm, Delay, LocalState, Machine, Region, Transition
from statewf.machine.snapshot import Snapshot, Step, blank, due, fits
from statewf.machine.step import start, step
from tests.worlds import happenings, machines


def test_timers_of_one_instant_are_in_document_order() -> None:
    def region(name: str) -> Region:
        return Region(name, Transition("", "on", entry=(Arm("$timeout:on", Delay(10)),)), {"on": LocalState("on")})

    machine = Machine("m", "d", (region("z"), region("a")), {}, (0,))
    assert due(machine, start(machine).after) == [(10, "z", "$timeout:on"), (10, "a", "$timeout:on")]


@given(st.data(), machines)
def test_whatever_becomes_of_an_instance_fits_its_machine(drawn: st.DataObject, machine: Machine) -> None:
    assert fits(machine, blank(machine, "i"))
    snapshot = start(machine, {"n": 0}, instance="i").after
    for _ in range(10):
        assert fits(machine, snapshot)
        made = step(machine, snapshot, drawn.draw(happenings(machine, snapshot)))
        snapshot = made.after if isinstance(made, Step) else snapshot


FLOW = compile_definition(
    loads("steps: [{id: a, timeout: 1h}, {id: b, type: event, event: GO, dependsOn: []}, {id: c, dependsOn: []}]")
)
BUSY = compile_definition(
    loads("initialState: s\nstates: {s: {onEntry: {type: function, handler: f}, on: {GO: s}}}")
)


def _regions(number: int, value: object) -> Callable[[Snapshot], Snapshot]:
    """Another value at one place of the only chunk."""

    def damaged(snapshot: Snapshot) -> Snapshot:
        (chunk,) = snapshot.regions
        return snapshot._replace(regions=((*chunk[:number], value, *chunk[number + 1 :]),))  # type: ignore[arg-type]

    return damaged


def _due(timer: tuple[str, str], at: object) -> Callable[[Snapshot], Snapshot]:
    def damaged(snapshot: Snapshot) -> Snapshot:
        deadlines = snapshot.flight.deadlines.set(timer, at)  # type: ignore[arg-type]
        return snapshot._replace(flight=snapshot.flight._replace(deadlines=deadlines))

    return damaged


def _foreign_call(snapshot: Snapshot) -> Snapshot:
    calls = snapshot.flight.calls
    number = min(calls)
    called = calls.set(number, calls[number]._replace(region="other"))
    return snapshot._replace(flight=snapshot.flight._replace(calls=called))


def _foreign_action(snapshot: Snapshot) -> Snapshot:
    (queued,) = snapshot.flight.queue
    flight = snapshot.flight._replace(calls=snapshot.flight.calls.delete(min(snapshot.flight.calls)))
    return snapshot._replace(flight=flight._replace(queue=(queued._replace(region="other"),)))


DAMAGES: dict[str, tuple[Machine, Callable[[Snapshot], Snapshot]]] = {
    "a state that the first region has not": (FLOW, _regions(0, "nowhere")),
    "a state that the last region has not": (FLOW, _regions(9, "assigned")),
    "an attempt that is no number": (FLOW, _regions(1, "1")),
    "a visit that is no number": (FLOW, _regions(2, None)),
    "a region too few": (FLOW, lambda s: s._replace(regions=(s.regions[0][:-3],))),
    "a chunk too many": (FLOW, lambda s: s._replace(regions=s.regions * 2)),
    "a timer that nobody sets": (FLOW, _due(("b", "$timeout:running"), 5)),
    "a timer that is due some time": (FLOW, _due(("a", "$timeout:running"), "soon")),
    "a time that is none": (FLOW, lambda s: s._replace(at="now")),  # type: ignore[arg-type]
    "a number that is none": (FLOW, lambda s: s._replace(seq="1")),  # type: ignore[arg-type]
    "a call of nobody": (FLOW, _foreign_call),
    "an action of nobody": (BUSY, _foreign_action),
    "somebody waits who never does": (
        FLOW,
        lambda s: s._replace(book=s.book._replace(awaiting=s.book.awaiting.set(1, None))),
    ),
    "it went on before it began": (FLOW, lambda s: s._replace(seq=0)),
}


@pytest.mark.parametrize(("machine", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_one_thing_that_cannot_be_does_not_fit(machine: Machine, damage: Callable[[Snapshot], Snapshot]) -> None:
    begun = start(machine).after
    assert fits(machine, begun)
    assert not fits(machine, damage(begun))
