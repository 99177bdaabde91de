"""A run that was found, as others can play it: a scenario, and a test in Python.

Both say what happens from outside: what each handler does, and when, what people decide, which events come.

Below: `retrace`. Above: the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pprint import pformat
from typing import Any

from statewf.checker.runs.retrace import Told
from statewf.machine.effects import Call, OpenTask
from statewf.machine.events import AnyEvent, CallId, Cancel, Decided, Event, Failed, Returned

WIDTH = 100  # of a line of Python


def scenario(told: Sequence[Told]) -> dict[str, Any]:
    """The scenario that plays a run, as a document: what comes after it is left to the machine."""
    handlers: dict[str, list[dict[str, Any]]] = {}
    for handler, turn in _turns(told):
        handlers.setdefault(handler, []).append(turn)
    events = [entry for one in told if (entry := _sent(one.step.event, one.at))]
    found: dict[str, Any] = {"handlers": handlers, "tasks": _decisions(told), "events": events}
    return {key: value for key, value in found.items() if value}


def as_test(told: Sequence[Told], name: str, file: str, place: int, why: str) -> str:
    """A test in Python that plays a run on the definition in that file, and holds it against its property number `place`."""
    script = pformat(scenario(told), width=WIDTH, sort_dicts=False).replace("\n", "\n        ")
    return (
        "import statewf as wf\n"
        "from statewf.checker import holds\n\n\n"
        f"def test_{name}():\n"
        f'    """{why}."""\n'
        f"    definition = wf.load({file!r})\n"
        "    machine = wf.compile(definition)\n"
        "    played = wf.simulate(\n"
        "        machine,\n"
        f"        {script},\n"
        "    )\n"
        f"    assert holds(machine, played.steps, definition.properties[{place}])\n"
    )


# --- what handlers do


def _turns(told: Sequence[Told]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each call does, by its handler, in the order in which they are made."""
    made: dict[CallId, tuple[str, int]] = {}
    answers: dict[CallId, dict[str, Any]] = {}
    stopped: set[CallId] = set()
    for one in told:
        stopped.update(number for number, call in one.step.after.flight.calls.items() if call.stopped)
        for effect in one.step.effects:
            if isinstance(effect, Call):
                made[effect.id] = (effect.handler, one.at)
        event = one.step.event
        if isinstance(event, Returned | Failed):
            _, since = made[event.call]
            answers[event.call] = _turn(event, one.at - since)
    for number, (handler, _) in made.items():
        stubborn = {"stubborn": True} if number in stopped else {}
        yield handler, {**answers.get(number, {"hang": True}), **stubborn}


def _turn(event: Returned | Failed, after: int) -> dict[str, Any]:
    match event:
        case Returned(_, _, _, Event(name)):
            turn: dict[str, Any] = {"send": name}
        case Returned():
            turn = {"ok": {}}
        case Failed():
            turn = {"fail": "it failed"} if event.retryable else {"fail": "it failed", "retryable": False}
    return {**turn, **({"after": after} if after else {})}


# --- what people do, and events


def _decisions(told: Sequence[Told]) -> dict[str, list[dict[str, Any]]]:
    opened: dict[str, int] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    for one in told:
        for effect in one.step.effects:
            if isinstance(effect, OpenTask):
                opened.setdefault(effect.task.id, one.at)
        if isinstance(one.step.event, Decided):
            task = one.step.before.book.tasks[one.step.event.task.split("/")[1]]
            entry = {"after": one.at - opened[task.id], "decision": one.step.event.decision}
            found.setdefault(task.step, []).append(entry)
    return found


def _sent(event: AnyEvent, at: int) -> dict[str, Any] | None:
    match event:
        case Event(name):
            return {"at": at, "send": name}
        case Cancel():
            return {"at": at, "cancel": True, **({"now": True} if event.now else {})}
    return None
