"""Documents to assumptions: every mistake told at once, each with code, path, line and hint.

    inputs: { total: 30 }
    handlers:
      charge: { success: 0.95, after: { median: 800, p90: 3s } }       # else it fails
      check: { answers: { VALIDATION_SUCCESS: 0.9, VALIDATION_FAILED: 0.1 }, after: 2s }
      scan:                                                             # as in a scenario, with chances
        - { chance: 0.9, ok: { total: 30 }, after: 2s }
        - { chance: 0.1, fail: OCR is down, after: 100 }
    tasks: { approval: { decisions: { approved: 0.9, rejected: 0.1 }, after: { mean: 4h } } }
    events: { VALIDATE: { after: 5m }, CANCEL: 0.02 }
    states: { shipped: { DELIVERED: 0.97, RETURN_REQUESTED: { chance: 0.03, after: P5D } } }
    conditions: { "inputs.total > 100": 0.2 }

Below: `assumptions`, what this makes; the reader of scenarios, whose words these are. Above: whoever has read the
text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import fsum
from typing import Any, TypeVar

from statewf.compiler import Notes
from statewf.definition.places import Mistake, Path, Places, shown
from statewf.definition.pricing import share
from statewf.definition.pricing import volume as volume_of
from statewf.definition.words import duration, expression, flag, identifier, params, plain_text, wrong
from statewf.errors import AssumptionsError
from statewf.expr import literal
from statewf.forecast.assumptions import CERTAIN, Answer, Arrival, Arrivals, Assumptions, Likely, Returns
from statewf.forecast.spread import AT_ONCE, Constant, Exponential, LogNormal, Sample, Spread, Uniform
from statewf.machine.fsm import Machine
from statewf.machine.lens import conditions
from statewf.simulator.scenario import Decision, Ok, Send
from statewf.simulator.script import DECISION_KEYS, TURN_KEYS, Reader, meant, refuse, said, unknown_names
from statewf.values.frozen import EMPTY, freeze

KEYS = ("name", "inputs", "volume", "handlers", "tasks", "events", "states", "conditions")
HANDLER_KEYS = ("success", "result", "fail", "error", "retryable", "after", "stubborn")
ANSWER_KEYS = ("answers", "after", "stubborn")
TASK_KEYS = ("decisions", "after")
ARRIVAL_KEYS = ("chance", "after", "data")
TURN_ONLY = frozenset({"ok", "fail", "send", "hang"})
NOTHING = literal(None)  # what a condition is read as that cannot be read
HINT = "such as 2s, { mean: 2s }, { min: 1s, max: 3s }, { median: 2s, p90: 8s } or [1s, 2s, 5s]"

T = TypeVar("T")


def read_assumptions(document: object, places: Places | None = None, machine: Machine | None = None) -> Assumptions:
    """The assumptions that a document says. Raises AssumptionsError with every mistake in it.

    With `machine`, names that this machine does not have are mistakes, too.
    """
    places = places or Places()
    reader = Reader()
    found = _Assuming(reader).assumptions(document, places)
    refuse([*reader.mistakes, *(unfit(found, machine) if machine else ())], places, AssumptionsError)
    return found


class _Assuming:
    """Reads the parts of assumptions; the mistakes are with the reader."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def assumptions(self, document: object, places: Places) -> Assumptions:
        reader = self.reader
        found = reader.keys((), document, KEYS, "assumptions have keys such as handlers, tasks and events")
        reader.part((), found, "name", plain_text, "")
        return Assumptions(
            handlers={name: self.handler(path, entry) for name, path, entry in self.named(found, "handlers")},
            tasks={name: self.task(path, entry) for name, path, entry in self.named(found, "tasks")},
            events={name: self.arrival(path, entry) for name, path, entry in self.named(found, "events")},
            states={name: self.arrivals(path, entry) for name, path, entry in self.named(found, "states")},
            conditions={
                reader.value(path, expression, text, NOTHING): reader.value(path, _chance, entry, 0.5)
                for text, path, entry in self.named(found, "conditions")
            },
            inputs=reader.part((), found, "inputs", params, EMPTY),
            volume=reader.part((), found, "volume", volume_of, None),
            places=places,
        )

    def named(self, found: Mapping[str, Any], key: str) -> list[tuple[str, Path, Any]]:
        """The members of what is said under a key, with their paths."""
        if found.get(key) is None:
            return []
        listed = self.reader.members((key,), found[key], "names with what is assumed of each")
        return [(name, (key, name), entry) for name, entry in listed.items()]

    # --- handlers and tasks

    def handler(self, path: Path, entry: object) -> tuple[Likely[Answer], ...]:
        """What a handler does: a list of turns with chances, one turn, the chances of its answers, or that it succeeds."""
        if isinstance(entry, list | tuple):
            return self.several(path, entry, self.turn)
        if isinstance(entry, Mapping) and "answers" in entry:
            return self.answers(path, entry)
        if isinstance(entry, Mapping) and "success" not in entry and not TURN_ONLY.isdisjoint(entry):
            return self.several(path, (entry,), self.turn)
        return self.succeeding(path, entry if isinstance(entry, Mapping) else {"success": entry})

    def succeeding(self, path: Path, entry: Mapping[Any, Any]) -> tuple[Likely[Answer], ...]:
        """Who succeeds with some chance, and else fails, in the same time."""
        reader = self.reader
        found = said(reader.keys(path, entry, HANDLER_KEYS, "such as { success: 0.95, after: 2s }"), "result")
        chance = reader.part(path, found, "success", _chance, 1.0)
        well = Ok(reader.part(path, found, "result", freeze, None)) if "result" in found else Returns()
        after, stubborn = self.timing(path, found)
        failing = Likely[Answer](reader.failure(path, found), 1 - chance, after, stubborn)
        return tuple(each for each in (Likely[Answer](well, chance, after, stubborn), failing) if each.chance)

    def answers(self, path: Path, entry: Mapping[Any, Any]) -> tuple[Likely[Answer], ...]:
        """Who answers with events."""
        found = said(self.reader.keys(path, entry, ANSWER_KEYS, "such as { answers: { PAID: 0.9 }, after: 2s }"))
        after, stubborn = self.timing(path, found)
        return tuple(
            Likely(Send(self.reader.value(at, identifier, event, "?")), chance, after, stubborn)
            for event, at, chance in self.weighed((*path, "answers"), found.get("answers"))
        )

    def turn(self, path: Path, entry: object) -> tuple[Answer, Mapping[str, Any]]:
        """One thing that a handler may do, as in a scenario."""
        hint = "such as { chance: 0.1, fail: down, after: 2s }"
        found = said(self.reader.keys(path, entry, (*TURN_KEYS, "chance"), hint), "ok")
        behaviour = self.reader.behaviour(path, found)
        return (Returns() if isinstance(behaviour, Ok) and "ok" not in found else behaviour), found

    def task(self, path: Path, entry: object) -> tuple[Likely[Decision], ...]:
        """What people decide: a list of decisions with chances, one decision, or the chances of single words."""
        if isinstance(entry, list | tuple):
            return self.several(path, entry, self.decision)
        if not (isinstance(entry, Mapping) and "decisions" in entry):
            return self.several(path, (entry,), self.decision)
        hint = "such as { decisions: { approved: 0.9, rejected: 0.1 }, after: 4h }"
        found = said(self.reader.keys(path, entry, TASK_KEYS, hint))
        after, _ = self.timing(path, found)
        return tuple(
            Likely(Decision(self.reader.value(at, identifier, word, "?")), chance, after)
            for word, at, chance in self.weighed((*path, "decisions"), found.get("decisions"))
        )

    def decision(self, path: Path, entry: object) -> tuple[Decision, Mapping[str, Any]]:
        """One thing that somebody may decide, as in a scenario."""
        hint = "such as { chance: 0.9, decision: approved, after: 1h }"
        found = said(self.reader.keys(path, entry, (*DECISION_KEYS, "chance"), hint))
        if "decision" not in found and isinstance(entry, Mapping):
            self.reader.tell("missing-key", "what is decided is not said", path, "add decision: approved")
        return self.reader.decided(path, found), found

    # --- events

    def arrivals(self, path: Path, entry: object) -> Arrivals:
        """The events that come in one state."""
        listed = self.reader.members(path, entry, "such as { DELIVERED: 0.97, RETURN_REQUESTED: 0.03 }")
        arrivals = {event: self.arrival((*path, event), each) for event, each in listed.items()}
        self.check(path, [arrival.chance for arrival in arrivals.values()])
        return arrivals

    def arrival(self, path: Path, entry: object) -> Arrival:
        """One event: its chance, or more of it."""
        reader = self.reader
        if entry is None:
            return Arrival()
        if not isinstance(entry, Mapping):
            return Arrival(reader.value(path, _chance, entry, None))
        found = said(reader.keys(path, entry, ARRIVAL_KEYS, "such as { chance: 0.9, after: 5m }"))
        chance = reader.part(path, found, "chance", _chance, None)
        return Arrival(chance, self.timing(path, found)[0], reader.part(path, found, "data", params, None))

    # --- chances and times

    def several(
        self, path: Path, entries: Sequence[object], read: Callable[[Path, object], tuple[T, Mapping[str, Any]]]
    ) -> tuple[Likely[T], ...]:
        """Entries with chances; those without one share what the others leave over."""
        if not entries:
            self.nothing(path)
        listed = []
        for i, entry in enumerate(entries):
            at = path if entries[0] is entry and len(entries) == 1 else (*path, i)
            what, found = read(at, entry)
            listed.append((what, self.reader.part(at, found, "chance", _chance, None), *self.timing(at, found)))
        chances = self.completed(path, [chance for _, chance, _, _ in listed])
        return tuple(
            Likely(what, chance, after, stubborn)
            for (what, _, after, stubborn), chance in zip(listed, chances, strict=True)
            if chance
        )

    def weighed(self, path: Path, entry: object) -> list[tuple[str, Path, float]]:
        """Names with chances; those with null share what the others leave over."""
        listed = self.reader.members(
            path, entry, "names with their chances, as in { approved: 0.9, rejected: 0.1 }"
        )
        if isinstance(entry, Mapping) and not entry:
            self.nothing(path)
        given = [self.reader.value((*path, name), _chance, chance, None) for name, chance in listed.items()]
        chances = zip(listed, self.completed(path, given), strict=True)
        return [(name, (*path, name), chance) for name, chance in chances if chance]

    def nothing(self, path: Path) -> None:
        self.reader.tell("empty-list", "there is no entry, and so nothing can happen", path, "remove the name")

    def completed(self, path: Path, chances: Sequence[float | None]) -> list[float]:
        """The chances, with those that are not given."""
        left = max(0.0, 1 - self.check(path, chances))
        sharing = sum(chance is None for chance in chances)
        return [left / sharing if chance is None else chance for chance in chances]

    def check(self, path: Path, chances: Iterable[float | None]) -> float:
        """What the given chances add to; more than 1 is a mistake."""
        whole = fsum(chance for chance in chances if chance is not None)
        if whole > 2 - CERTAIN:
            self.reader.tell("chances-over-one", f"the chances add to {whole:g}, which is more than 1", path)
        return whole

    def timing(self, path: Path, found: Mapping[str, Any]) -> tuple[Spread, bool]:
        """How long it takes, and whether it cannot be recalled."""
        after = self.reader.part(path, found, "after", spread, AT_ONCE)
        return after, self.reader.part(path, found, "stubborn", flag, False)


def _chance(value: Any) -> float:
    return float(share(value))


def spread(value: Any) -> Spread:
    """How long something takes: a duration, or how durations are spread. Raises DefinitionError for anything else."""
    match value:
        case list() | tuple():
            if not value:
                raise wrong("bad-spread", "the list of durations is empty", HINT)
            return Sample(tuple(map(duration, value)))
        case Mapping():
            return _described(value)
        case _:
            return Constant(duration(value))


def _described(value: Mapping[Any, Any]) -> Spread:
    match dict(value):
        case {"mean": mean, **rest} if not rest:
            return Exponential(duration(mean))
        case {"min": least, "max": most, **rest} if not rest:
            bounds = duration(least), duration(most)
            if bounds[0] > bounds[1]:
                raise wrong("bad-spread", f"min {shown(least)} is more than max {shown(most)}")
            return Uniform(*bounds)
        case {"median": median, "p90": p90, **rest} if not rest:
            quantiles = duration(median), duration(p90)
            if not 1 <= quantiles[0] <= quantiles[1]:
                message = f"median {shown(median)} and p90 {shown(p90)}: nine of ten take longer than a half, and none no time"
                raise wrong("bad-spread", message)
            return LogNormal(*quantiles)
        case _:
            raise wrong("bad-spread", "durations are spread in no way that is known", HINT)


# --- what does not fit the machine


def unfit(found: Assumptions, machine: Machine) -> Iterator[Mistake]:
    """What is assumed of names that the machine does not have."""
    yield from unknown_names(found.handlers, found.tasks, machine)
    yield from _unknown_answers(found, machine)
    for event in found.events:
        if machine.known(event) not in machine.listeners:
            yield _unknown_event(event, ("events", event), machine)
    yield from _unknown_conditions(found, machine)
    if len(machine.regions) > 1:
        hint = "of a workflow, say it under events"
        yield from (
            Mistake("unknown-state", "a workflow has steps, no states", ("states", s), hint) for s in found.states
        )
    else:
        yield from _misfits_of_states(found, machine)


def _unknown_event(event: str, path: Path, machine: Machine) -> Mistake:
    hint = meant(event, machine.listeners, "it knows no events")
    return Mistake("unknown-event", f"{machine.name} never hears of {event}", path, hint)


def _unknown_answers(found: Assumptions, machine: Machine) -> Iterator[Mistake]:
    for handler, likely in found.handlers.items():
        for each in likely:
            if isinstance(each.what, Send) and machine.known(each.what.event) not in machine.listeners:
                yield _unknown_event(each.what.event, ("handlers", handler, "answers", each.what.event), machine)


def _unknown_conditions(found: Assumptions, machine: Machine) -> Iterator[Mistake]:
    guards = conditions(machine)
    known = {part for guard in guards for part in (guard.positive[0], *guard.askable)}
    for condition in found.conditions:
        if condition is not NOTHING and condition.positive[0] not in known:
            texts = [part.text for guard in guards for part in (guard, *guard.askable)]
            hint = meant(condition.text, texts, "it asks no conditions")
            message = f"{machine.name} never asks whether {condition.text}"
            yield Mistake("unknown-condition", message, ("conditions", condition.text), hint)


def _misfits_of_states(found: Assumptions, machine: Machine) -> Iterator[Mistake]:
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    (region,) = machine.regions
    rows: dict[str, set[str]] = {}
    for local, row in region.states.items():
        if local in machine.notes.active:
            for state in machine.notes.active[local]:
                rows.setdefault(state, set()).update(row.events)
    for state, arrivals in found.states.items():
        if state not in rows:
            hint = meant(state, rows, "")
            yield Mistake("unknown-state", f"{machine.name} has no state {state}", ("states", state), hint)
            continue
        for event in arrivals:
            if machine.known(event) not in rows[state]:
                hint = meant(event, sorted(rows[state]), "it accepts no events")
                yield Mistake("unknown-event", f"{state} never accepts {event}", ("states", state, event), hint)
    for state, accepted in rows.items():
        chances = {e: a.chance for e, a in found.events.items() if a.chance and machine.known(e) in accepted}
        if state not in found.states and fsum(chances.values()) > 2 - CERTAIN:
            told = f"in {state} the chances of {', '.join(chances)} add to {fsum(chances.values()):g}"
            yield Mistake(
                "chances-over-one", f"{told}, which is more than 1", ("events",), f"say it under states: {state}"
            )
            return
