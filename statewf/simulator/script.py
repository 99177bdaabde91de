"""Documents to scenarios: every mistake told at once, each with code, path, line and hint.

Below: `scenario`, what this makes. Above: `simulate`, and whoever has read the text of a scenario file.
A document is plain dicts, lists and scalars, with the `Places` of its text if it had one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs

from statewf.definition.places import Mistake, Path, Places, mistakes_of, shown
from statewf.definition.pricing import volume as volume_of
from statewf.definition.words import duration, flag, identifier, nearest, params, plain_text
from statewf.errors import InputError, ScenarioError
from statewf.machine.events import Cancel, Event
from statewf.machine.fsm import Machine
from statewf.simulator.scenario import Behaviour, Decision, Fail, Hang, Ok, Scenario, Send, Turn
from statewf.values.frozen import EMPTY, Json, freeze

T = TypeVar("T")
Read = Callable[[Path, Any], T]

KEYS = ("machine", "name", "inputs", "volume", "handlers", "tasks", "events", "expect")
TURN_KEYS = ("ok", "fail", "error", "retryable", "send", "data", "hang", "after", "stubborn")
DECISION_KEYS = ("decision", "after", "by", "comments", "result")
EVENT_KEYS = ("at", "send", "data", "key", "cancel", "now")
OUTPUT_KEYS = (
    *("instance", "state", "success", "results", "context", "completedSteps", "failedSteps", "compensations"),
    *("path", "emitted", "rejected", "undelivered", "history", "elapsed", "cost"),
)


def read_scenario(document: object, places: Places | None = None, machine: Machine | None = None) -> Scenario:
    """The scenario that a document says. Raises ScenarioError with every mistake in it.

    With `machine`, names that this machine does not have are mistakes, too.
    """
    places = places or Places()
    reader = Reader()
    scenario = reader.scenario(document, places)
    mistakes = [*reader.mistakes, *(unfit(scenario, machine) if machine else ())]
    refuse(mistakes, places)
    return scenario


def unfit(scenario: Scenario, machine: Machine) -> Iterable[Mistake]:
    """What a scenario says of handlers and tasks that the machine does not have."""
    return unknown_names(scenario.handlers, scenario.tasks, machine)


def unknown_names(handlers: Iterable[str], tasks: Iterable[str], machine: Machine) -> Iterator[Mistake]:
    """The handlers and the steps with tasks that the machine does not have."""
    called = machine.handlers()
    for name in handlers:
        if name not in called:
            hint = meant(name, called, "it calls no handlers")
            yield Mistake("unknown-handler", f"{machine.name} never calls {name}", ("handlers", name), hint)
    asking = machine.asking()
    for step in tasks:
        if step not in asking:
            hint = meant(step, asking, "it asks nobody")
            yield Mistake(
                "unknown-task", f"{machine.name} has no step {step} that opens a task", ("tasks", step), hint
            )


def refuse(mistakes: Iterable[Mistake], places: Places, error: type[InputError] = ScenarioError) -> None:
    """Raise that error if there are mistakes, in the order of their lines."""
    told = [mistake.diagnostic(places) for mistake in mistakes]
    if told:
        raise error(sorted(told, key=lambda diagnostic: diagnostic.line or 0), places.source)


class Reader:
    """Reads parts of a document and collects mistakes; where one was made, what is read goes on with a default."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def scenario(self, document: object, places: Places) -> Scenario:
        found = self.keys((), document, KEYS, "a scenario has keys such as machine, events and expect")

        def value(key: str, convert: Callable[[Any], T], default: T) -> T:
            return self.value((key,), convert, found.get(key), default)

        return Scenario(
            name=value("name", plain_text, None),
            machine=value("machine", plain_text, None),
            inputs=value("inputs", params, EMPTY),
            volume=value("volume", volume_of, None),
            handlers=self.by_name("handlers", found, self.turn),
            tasks=self.by_name("tasks", found, self.decision),
            events=self.events(found.get("events")),
            expect=self.expectations(found.get("expect")),
            places=places,
        )

    # --- the parts of a scenario

    def by_name(self, key: str, found: Mapping[str, Any], read: Read[T]) -> dict[str, tuple[T, ...]]:
        """Lists by handler or step; one entry stands for a list of one."""
        if found.get(key) is None:
            return {}
        listed = self.members((key,), found[key], "names with what happens at each call")
        return {name: self.several((key, name), entries, read) for name, entries in listed.items()}

    def several(self, path: Path, entries: object, read: Read[T]) -> tuple[T, ...]:
        if not isinstance(entries, list | tuple):
            return (read(path, entries),)
        if not entries:
            self.tell("empty-list", "the list has no entry, and so nothing can happen", path, "remove the name")
        return tuple(read((*path, i), entry) for i, entry in enumerate(entries))

    def turn(self, path: Path, entry: object) -> Turn:
        hint = "such as {ok: {total: 3}, after: 2s}, {fail: down}, {hang: true}"
        found = said(self.keys(path, entry, TURN_KEYS, hint), "ok")
        return Turn(
            self.behaviour(path, found),
            self.part(path, found, "after", duration, 0),
            self.part(path, found, "stubborn", flag, False),
        )

    def behaviour(self, path: Path, found: Mapping[str, Any]) -> Behaviour:
        fails = any(key in found for key in ("fail", "error", "retryable"))
        hangs = self.part(path, found, "hang", flag, False)
        kinds = [("ok", "ok" in found), ("fail", fails), ("send", "send" in found), ("hang", hangs)]
        said = [kind for kind, is_said in kinds if is_said]
        if len(said) > 1:
            hint = "a call ends in one way; write one entry a call"
            self.tell("two-behaviours", f"{' and '.join(said)} at once", path, hint)
        if "data" in found and "send" not in found:
            self.tell("stray-key", "data goes with send only", (*path, "data"), "a result is said by ok")
        match said[:1]:
            case ["fail"]:
                return self.failure(path, found)
            case ["send"]:
                data = self.part(path, found, "data", params, EMPTY)
                return Send(self.part(path, found, "send", identifier, "?"), data)
            case ["hang"]:
                return Hang()
            case _:
                return Ok(self.part(path, found, "ok", freeze, None)) if "ok" in found else Ok()

    def failure(self, path: Path, found: Mapping[str, Any]) -> Fail:
        return Fail(
            self.part(path, found, "fail", plain_text, ""),
            self.part(path, found, "error", identifier, "Error"),
            self.part(path, found, "retryable", flag, True),
        )

    def decision(self, path: Path, entry: object) -> Decision:
        hint = "such as {after: 1h, decision: approved, by: ann}"
        found = said(self.keys(path, entry, DECISION_KEYS, hint))
        if "decision" not in found and isinstance(entry, Mapping):
            self.tell("missing-key", "what is decided is not said", path, "add decision: approved, or leave it out")
        return attrs.evolve(self.decided(path, found), after=self.part(path, found, "after", duration, 0))

    def decided(self, path: Path, found: Mapping[str, Any]) -> Decision:
        """The decision itself, whenever it is made."""
        return Decision(
            self.part(path, found, "decision", identifier, "?"),
            by=self.part(path, found, "by", plain_text, None),
            comments=self.part(path, found, "comments", plain_text, None),
            result=self.part(path, found, "result", freeze, None),
        )

    def events(self, listed: object) -> tuple[Event | Cancel, ...]:
        """Without `at` an event comes at the time of the one before it."""
        if listed is None:
            return ()
        if not isinstance(listed, list | tuple):
            self.tell("wrong-type", f"expected a list, found {shown(listed)}", ("events",))
            return ()
        events: list[Event | Cancel] = []
        for i, entry in enumerate(listed):
            events.append(self.event(("events", i), entry, events[-1].at if events else 0))
        return tuple(events)

    def event(self, path: Path, entry: object, before: int) -> Event | Cancel:
        hint = "such as {at: 5s, send: PAY, data: {}} or {at: 6s, cancel: true}"
        found = said(self.keys(path, entry, EVENT_KEYS, hint))
        at = self.part(path, found, "at", duration, before)
        if self.part(path, found, "cancel", flag, False):
            self.stray(path, found, ("send", "data", "key"), "an entry sends an event or cancels, not both")
            return Cancel(at, self.part(path, found, "now", flag, False))
        self.stray(path, found, ("now",), "now goes with cancel: true only")
        if "send" not in found and isinstance(entry, Mapping):
            self.tell("missing-key", "neither send nor cancel", path, "add send: EVENT, or cancel: true")
        data = self.part(path, found, "data", params, EMPTY)
        name = self.part(path, found, "send", identifier, "?")
        return Event(name, data, at, self.part(path, found, "key", plain_text, None))

    def expectations(self, listed: object) -> dict[str, Json]:
        if listed is None:
            return {}
        found = self.keys(("expect",), listed, OUTPUT_KEYS, "such as {state: paid, success: true}")
        convert = {"elapsed": duration}
        return {key: self.value(("expect", key), convert.get(key, freeze), found[key], None) for key in found}

    # --- single values

    def tell(self, code: str, message: str, path: Path, hint: str | None = None) -> None:
        self.mistakes.append(Mistake(code, message, path, hint))

    def stray(self, path: Path, found: Mapping[str, Any], keys: Iterable[str], why: str) -> None:
        for key in keys:
            if key in found:
                self.tell("stray-key", why, (*path, key))

    def value(self, path: Path, convert: Callable[[Any], T], value: object, default: T) -> T:
        """The value as `convert` has it; None, which says nothing, and what is wrong give the default."""
        if value is None:
            return default
        try:
            return convert(value)
        except InputError as error:
            self.mistakes += [mistake.under(path) for mistake in mistakes_of(error)]
            return default

    def part(self, path: Path, found: Mapping[str, Any], key: str, convert: Callable[[Any], T], default: T) -> T:
        return self.value((*path, key), convert, found.get(key), default)

    def members(self, path: Path, value: object, hint: str) -> dict[str, Any]:
        """The members of an object whose keys are text."""
        if not isinstance(value, Mapping):
            self.tell("wrong-type", f"expected an object, found {shown(value)}", path, hint)
            return {}
        for key in value:
            if not isinstance(key, str):
                self.tell("wrong-type", f"the key {shown(key)} is not text", path, "put it in quotes")
        return {key: item for key, item in value.items() if isinstance(key, str)}

    def keys(self, path: Path, value: object, known: Iterable[str], hint: str) -> dict[str, Any]:
        """The members of an object that may have these keys."""
        found = self.members(path, value, hint)
        for key in found:
            if key not in known:
                self.tell("unknown-key", f"{shown(key)} is no key of this", (*path, key), meant(key, known, ""))
        return {key: item for key, item in found.items() if key in known}


def said(found: Mapping[str, Any], null: str = "") -> dict[str, Any]:
    """The keys that say something: null says nothing, but as the value of the key `null`."""
    return {key: item for key, item in found.items() if item is not None or key == null}


def meant(name: str, known: Iterable[str], none: str) -> str:
    """What may have been meant by a name that is not known: the one that is nearest, or else one of all; `none`: there are none."""
    near = nearest(name, known)
    if near:
        return f"did you mean {near}?"
    return f"one of {', '.join(known)}" if known else none
