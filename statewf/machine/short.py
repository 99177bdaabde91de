"""The short cut of `step`: a plain transition, of which the table holds the step ready made.

It only saves time. Whatever it says, the long way (`macrostep`) says too, and a property test holds it to that.
Beside `macrostep`, under `step`.
"""

from __future__ import annotations

from statewf.machine.effects import CancelTimer, Effect, SetTimer
from statewf.machine.events import Event
from statewf.machine.fsm import Machine, Transition
from statewf.machine.snapshot import Flight, Snapshot, Step

_new = tuple.__new__  # half the price of a named tuple's own constructor


def short_cut(machine: Machine, before: Snapshot, event: Event) -> Step | None:
    """The step of a plain transition, where nothing else is enabled by it; else None."""
    instance, seq, earlier, inputs, context, regions, flight, _, book = before
    _, _, _, queue, raised, deferred = flight
    if queue or raised or deferred or not (machine.short and seq):
        return None
    ((source, _, visit),) = regions  # one chunk of one region
    short = machine.short[source].get(event.name)  # type: ignore[index]  # the first of three is a name
    if short is None:
        return None
    target, ended, path, effects, timed = short
    at = event.at if event.at > earlier else earlier  # noqa: FURB136  # max() costs ten times as much
    if event.data:
        context = context.update(event.data)
    told: tuple[Effect, ...] = effects
    if timed is not None:
        flight, wound = _wind(str(path[0]), timed, flight, at)
        told = (*wound, *effects)
    there = ((target, 1, visit + 1),)  # type: ignore[operator]  # and the last a number
    after = _new(Snapshot, (instance, seq + 1, at, inputs, context, there, flight, ended, book))
    made: Step = _new(Step, (before, event, after, told, path, "accepted", ()))
    return made


def _wind(region: str, transition: Transition, flight: Flight, at: int) -> tuple[Flight, tuple[Effect, ...]]:
    """The timers after a plain transition."""
    deadlines, *rest = flight
    effects: tuple[Effect, ...] = ()
    for op in transition.exit:
        key = (region, op.timer)  # type: ignore[union-attr]  # a plain transition only disarms on exit
        if key in deadlines:
            deadlines = deadlines.delete(key)
            effects += (_new(CancelTimer, key),)
    for op in transition.entry:
        due = at + op.delay.fixed  # type: ignore[union-attr,operator]  # and only arms on entry
        deadlines = deadlines.set((region, op.timer), due)  # type: ignore[union-attr]
        effects += (_new(SetTimer, (region, op.timer, due)),)  # type: ignore[union-attr]
    return _new(Flight, (deadlines, *rest)), effects
