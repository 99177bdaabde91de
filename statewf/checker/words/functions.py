"""Properties that are functions: what one of a step sees, and one of a snapshot; and what it may depend on.

A function has the same answer for the same arguments, and changes nothing: it is asked once for many runs that are
alike.

    of a step        its event and its moves: a `Happening`
    of a snapshot    the states that are active, attempts, what the machine assigned, and of results what the run
                     itself made of them: a `View`. What comes from outside is not known while all runs are explored:
                     inputs, the data of events, what handlers found. Whoever asks for it there is told nothing, and the
                     snapshot is taken both ways, as it is with conditions.

What a function read of a snapshot is kept (`Asked`), for snapshots that differ in nothing else are one to it.

Below: the machine. Above: `atoms`, which asks functions of steps; `verdict` and `proving`, which ask those of
snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, NamedTuple

import attrs

from statewf.definition.properties import Predicate
from statewf.expr import UNKNOWN, Expression, Unknown, literal, parse
from statewf.machine.suppose import MARK
from statewf.values.frozen import Object, kind_of, settled

# Of the result of a step what the run itself made: decisions, branches, what blocks count.
FACTS = ("approved", "branch", "decision", "failures", "strategy", "successes")
DECISIONS = ("approved", "rejected")  # any other word may be another one


class PropertyFails(Exception):
    """A function has no answer; the text says which, and why, `hint` what it is to be."""

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        super().__init__(message)


# --- what they see


class Moved(NamedTuple):
    """A region entered a state; `source` is empty at the start. Of a workflow regions are steps, and `workflow`."""

    region: str
    source: str
    target: str


@attrs.frozen
class Happening:
    """A step, as a function sees it: the name of the event that it took, or none, and its moves in order.

    The event is one that was sent, or that a handler answered with. An atom that is a function reads a step as a whole:
    of its property all that happens in one step happens at once.
    """

    event: str
    moves: tuple[Moved, ...]


@attrs.frozen(eq=False)
class View:
    """A snapshot, as a function sees it: what conditions of properties see, and under the same names.

    Looking for what nobody knows ends the function. All that is there of `state` and `attempts` is known; of `context`
    the names that the machine assigns (of a workflow, none), as far as what is assigned is known; which steps have
    `results`, and of those what was `approved`, which `decision` (approved or rejected) and `branch` was taken, the
    `strategy`, `successes` and `failures` of a block. Of a real run, in `holds`, everything is known.
    """

    state: tuple[str, ...]
    attempts: Mapping[str, int]
    context: Mapping[str, Any]
    results: Mapping[str, Any]


def whole_view(scope: Mapping[str, Any]) -> View:
    """What there is to see of a snapshot of a real run; `scope` is what conditions see."""
    attempts = Object(sorted(scope["attempts"].items()))
    return View(scope["state"], attempts, settled(scope["context"]), settled(scope["results"]))


def known_view(scope: Mapping[str, Any], assigned: Container[str], asked: Asked) -> View:
    """What there is to see of a snapshot of many runs, in a machine that assigns these names."""
    context = {name: value for name, value in scope["context"].items() if name in assigned}
    return View(
        scope["state"],
        _Part(scope["attempts"], asked, lambda _: ("attempts",)),
        _Part(context, asked, lambda name: ("context", name) if name in assigned else None, whole=False),
        _Part(scope["results"], asked, lambda step: ("results", step) if step else ("results",), known=_facts),
    )


def _facts(result: Any) -> Any:
    """What the run itself made of a result."""
    if not isinstance(result, Mapping):
        return UNKNOWN
    facts = {name: result[name] for name in FACTS if name in result}
    if facts.get("decision", "approved") not in DECISIONS:
        del facts["decision"]
    return Object(facts)


# --- data of which not all is known


@attrs.define
class Asked:
    """What a function asked for: paths of what it read, each once, and whether some of it is `open`: nobody knows."""

    read: dict[tuple[str, ...], None] = attrs.field(factory=dict)
    open: bool = False


class _Open(Exception):
    """Nobody knows."""


@attrs.frozen(eq=False)
class _Part(Mapping[str, Any]):
    """An object of which these members are held, to be read as any. Unless it is `whole`, nobody knows which others are.

    `path` says what is read by looking at a member; without a name, at which there are. `known` is what is known of
    one.
    """

    held: Mapping[str, Any]
    asked: Asked
    path: Callable[[str], tuple[str, ...] | None] = lambda _: None
    whole: bool = True
    known: Callable[[Any], Any] = lambda value: value

    def __getitem__(self, name: str) -> Any:
        self._reads(name)
        if name in self.held:
            return self._seen(self.known(self.held[name]))
        if self.whole:
            raise KeyError(name)
        raise self._open()

    def __iter__(self) -> Iterator[str]:
        self._reads("")
        if not self.whole:
            raise self._open()
        return iter(sorted(self.held))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        self._reads(name)
        if self.whole or (name in self.held and not isinstance(self.held[name], Unknown)):
            return name in self.held
        raise self._open()  # what was assigned without an answer is not there

    def _reads(self, name: str) -> None:
        path = self.path(name)
        if path is not None:
            self.asked.read[path] = None

    def _open(self) -> _Open:
        self.asked.open = True
        return _Open("nobody knows")

    def _seen(self, value: Any) -> Any:
        match value:
            case Unknown():
                raise self._open()
            case tuple():
                return tuple(map(self._seen, value))
            case Mapping():
                held = {name: item for name, item in value.items() if name != MARK}
                return _Part(held, self.asked, whole=False)
            case _:
                return value


def watched_at(path: tuple[str, ...]) -> Expression:
    """The condition that reads what lies at a path, so that an exploration tells snapshots apart by it."""
    root, *keys = path
    return parse(root + "".join(f"[{literal(key).text}]" for key in keys))


# --- asking them


def of_step(function: Predicate, step: Happening) -> bool:
    """Whether it says so of a step. Raises PropertyFails."""
    return _answer(function, step, "it is given a step: event, moves")


def of_whole(function: Predicate, scope: Mapping[str, Any]) -> bool:
    """Whether it says so of a snapshot of a real run. Raises PropertyFails."""
    return _answer(function, whole_view(scope), GIVEN)


def of_known(
    function: Predicate, scope: Mapping[str, Any], assigned: Container[str], asked: Asked | None = None
) -> bool | None:
    """Whether it says so of a snapshot of many runs; None if it asks for what nobody knows. Raises PropertyFails."""
    asked = Asked() if asked is None else asked
    asked.open = False
    try:
        answer = _answer(function, known_view(scope, assigned, asked), GIVEN)
    except PropertyFails:
        if not asked.open:
            raise
        return None
    return None if asked.open else answer


GIVEN = "it is given a snapshot: state, attempts, context, results"


def _answer(function: Predicate, seen: object, given: str) -> bool:
    try:
        answer: object = function(seen)
    except Exception as error:
        inner = None if error.__traceback__ is None else error.__traceback__.tb_next
        line = f" in line {inner.tb_lineno}" if inner is not None else ""
        said = f": {error}" if str(error) else ""
        raise PropertyFails(f"{called(function)} raises {type(error).__name__}{said}{line}", given) from error
    if not isinstance(answer, bool):
        raise PropertyFails(f"{called(function)} gives {kind_of(answer)}, not True or False", given)
    return answer


def called(function: Predicate) -> str:
    """What to call a function: its name, or where it stands if it has none."""
    name = getattr(function, "__name__", type(function).__name__)
    code = getattr(function, "__code__", None)
    return f"what line {code.co_firstlineno} says" if name == "<lambda>" and code is not None else name
