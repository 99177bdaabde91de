"""Hypothesis strategies over the real `step`: what may happen to an instance, where it may be, how it may have come there.

    from hypothesis import given, strategies as st
    from statewf.testing import strategies as wfst

    @given(wfst.traces(machine, data={"PAY": st.fixed_dictionaries({"sum": st.integers(0, 9)})}))
    def test_nobody_ships_what_was_not_paid(trace):
        names = [event_name(step.event) for step in trace]
        ...

What counts now is drawn mostly, and all else at times, so timeouts, failures, late replies, unexpected events, the same
event twice and cancels are ordinary inputs. One number is drawn a move, in a range that is the same everywhere, so
that a trace shrinks by leaving moves out.

All take, by keyword: `inputs`, a strategy for what an instance is started with; `data`, strategies for the data of
events, by event name; `results`, strategies for what handlers do, by handler name: a JSON value or an `Event` is an
answer, an exception is a failure; for a human task, by step id, for what comes with its decision. What has none gets
{}; a handler that has none also answers with any event that is waited for. Every handler may also fail. `cancel=False`:
nobody cancels. A name that the machine does not know is a DataError, a definition that is wrong a CompileError.

Needs hypothesis (`pip install 'statewf[test]'`). Below: `chances`. Above: tests; `stateful`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

import attrs

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.definition.words import nearest
from statewf.errors import DataError, Diagnostic
from statewf.machine.events import AnyEvent, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.record import event_data, event_name, state_of
from statewf.machine.snapshot import Rejected, Snapshot, Step, blank, due
from statewf.machine.step import step
from statewf.machine.work import failed, returned
from statewf.testing.chances import Chances, breadth, chances
from statewf.values.canonical import compact
from statewf.values.frozen import freeze, freeze_object

try:
    from hypothesis import note
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("statewf.testing.strategies needs hypothesis: pip install 'statewf[test]'") from error

T = TypeVar("T", bound=Step | Rejected)
Strategies: TypeAlias = "Mapping[str, st.SearchStrategy[Any]]"

KINDS = 16  # one move in so many is the last one, and one is an unlikely one
RELUCTANCE = 4  # one move in so many may be the end of the instance, or walks were short
AFTERLIFE = 2  # moves that are tried when it is over
PARTS = 4  # of the time until the next timer
START = 1  # the number of a move that is not drawn
NOTHING: st.SearchStrategy[Any] = st.just({})

_part = st.integers(0, PARTS)


def events(
    machine: Machine | Definition,
    snapshot: Snapshot,
    *,
    inputs: st.SearchStrategy[Any] = NOTHING,
    data: Strategies | None = None,
    results: Strategies | None = None,
    cancel: bool = True,
) -> st.SearchStrategy[AnyEvent]:
    """What may happen at that snapshot; `step` refuses some of it. Before the start it is the start."""
    source = _source(machine, inputs, data, results, cancel=cancel)
    return _event(source, snapshot)


def walks(
    machine: Machine | Definition,
    *,
    inputs: st.SearchStrategy[Any] = NOTHING,
    data: Strategies | None = None,
    results: Strategies | None = None,
    max_steps: int = 50,
    cancel: bool = True,
) -> st.SearchStrategy[list[Step | Rejected]]:
    """Random walks from the start, with what was refused on the way; at most `max_steps` moves, refused or not."""
    if max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}, and the start is a step already")
    return _walk(_source(machine, inputs, data, results, cancel=cancel), max_steps)


def traces(
    machine: Machine | Definition,
    *,
    inputs: st.SearchStrategy[Any] = NOTHING,
    data: Strategies | None = None,
    results: Strategies | None = None,
    max_steps: int = 50,
    cancel: bool = True,
) -> st.SearchStrategy[list[Step]]:
    """The steps that random walks from the start made: the first is the start, each begins where the last one ended."""
    walked = walks(machine, inputs=inputs, data=data, results=results, max_steps=max_steps, cancel=cancel)
    return walked.map(lambda moves: Story(move for move in moves if isinstance(move, Step)))


def snapshots(
    machine: Machine | Definition,
    *,
    inputs: st.SearchStrategy[Any] = NOTHING,
    data: Strategies | None = None,
    results: Strategies | None = None,
    max_steps: int = 50,
    cancel: bool = True,
) -> st.SearchStrategy[Snapshot]:
    """Where an instance may be: the ends of `traces`. A failure notes the way there."""
    walked = traces(machine, inputs=inputs, data=data, results=results, max_steps=max_steps, cancel=cancel)
    return walked.map(_end)


class Story(list[T]):
    """A list of moves that is shown as a story, a line each: in a failure one wants to read what happened."""

    def __repr__(self) -> str:
        return f"[{'; '.join(map(_told, self))}]"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """For Hypothesis, which shows the arguments of a test that failed."""
        printer.text("\n".join(["[", *(f"        {_told(move)}" for move in self), "    ]"]))


def _told(made: Step | Rejected) -> str:
    data = event_data(made.event)
    what = event_name(made.event) + (f" {compact(data)}" if data else "")
    return f"{what:40} → {state_of(made.after) if isinstance(made, Step) else f'refused ({made.reason})'}"


def _end(trace: list[Step]) -> Snapshot:
    note(trace)  # which is made a text only if it is shown
    return trace[-1].after


@st.composite
def _event(draw: st.DrawFn, source: _Source, snapshot: Snapshot) -> AnyEvent:
    return source.event(draw, snapshot, draw(source.which))


@st.composite
def _walk(draw: st.DrawFn, source: _Source, max_steps: int) -> list[Step | Rejected]:
    snapshot = blank(source.machine, "any")
    moves: Story[Step | Rejected] = Story()
    which, left = START, max_steps
    while which % KINDS and left:
        made = step(source.machine, snapshot, source.event(draw, snapshot, which))
        left -= 1
        if isinstance(made, Rejected):
            moves.append(made)
        elif not made.after.ended or snapshot.ended or which // KINDS % RELUCTANCE == 0:
            moves.append(made)
            snapshot = made.after
            left = min(left, AFTERLIFE) if snapshot.ended and not snapshot.flight.calls else left
        which = draw(source.which)
    return moves


@attrs.frozen(eq=False)
class _Source:
    """Where events of one machine come from. `which` draws the number of a move; multiples of KINDS are none."""

    machine: Machine
    inputs: st.SearchStrategy[Any]
    data: Strategies
    results: Strategies
    cancel: bool
    which: st.SearchStrategy[int]

    def event(self, draw: st.DrawFn, snapshot: Snapshot, which: int) -> AnyEvent:
        """The event of that number, with time and data."""
        at = snapshot.at
        timers = due(self.machine, snapshot)
        chosen = _chosen(chances(self.machine, snapshot, self.results, cancel=self.cancel), which)
        if timers and not isinstance(chosen, Fired):
            at += (timers[0][0] - at) * draw(_part) // PARTS
        match chosen:
            case Fired():
                return chosen._replace(at=max(chosen.at, at))
            case Start():
                return Start(freeze_object(draw(self.inputs), "the inputs"), at)
            case Event(name):
                return self.named(draw, name)._replace(at=at)
            case Returned(answer=Event(name)):
                return chosen._replace(at=at, answer=self.named(draw, name))
            case Returned():
                return self.reply(draw, snapshot, chosen, at)
            case Decided(task, decision):
                region = task.removeprefix(f"{snapshot.instance}/").partition("/")[0]
                result = draw(self.results[region]) if region in self.results else None
                return Decided(task, decision, result=freeze(result), at=at)
            case _:
                return chosen._replace(at=at)

    def named(self, draw: st.DrawFn, name: str) -> Event:
        return Event(name, draw(self.data[name]) if name in self.data else None)

    def reply(self, draw: st.DrawFn, snapshot: Snapshot, plain: Returned, at: int) -> Returned | Failed:
        """What the handler of that call says."""
        call = snapshot.flight.calls.get(plain.call)
        if call is None or call.handler not in self.results:
            return plain._replace(at=at)
        result = draw(self.results[call.handler])
        return failed(call, result, at) if isinstance(result, Exception) else returned(call, result, at)


def _chosen(chances: Chances, which: int) -> AnyEvent:
    rare, (turn, kind) = chances.unlikely, divmod(which, KINDS)
    if rare and (kind == KINDS - 1 or not chances.likely):
        return rare[turn % len(rare)]
    return chances.likely[(turn * (KINDS - 2) + kind - 1) % len(chances.likely)]


def _source(
    machine: Machine | Definition,
    inputs: st.SearchStrategy[Any],
    data: Strategies | None,
    results: Strategies | None,
    *,
    cancel: bool,
) -> _Source:
    machine = checked(machine, inputs, data, results)
    which = st.integers(0, KINDS * breadth(machine))
    return _Source(machine, inputs, data or {}, results or {}, cancel, which)


def checked(
    machine: Machine | Definition,
    inputs: st.SearchStrategy[Any],
    data: Strategies | None,
    results: Strategies | None,
) -> Machine:
    """The machine. Raises DataError when the strategies are none, or for what the machine does not have."""
    if not isinstance(machine, Machine):
        machine = compile_definition(machine)
    answering = (*machine.handlers(), *machine.asking())
    wrong = [
        *_wrong({"inputs": inputs}, ["inputs"], "argument"),
        *_wrong(data or {}, machine.listeners, "event"),
        *_wrong(results or {}, answering, "handler"),
    ]
    if wrong:
        raise DataError(wrong, machine.name)
    return machine


def _wrong(strategies: Mapping[str, object], known: Iterable[str], what: str) -> Iterator[Diagnostic]:
    for name, strategy in strategies.items():
        if name not in known:
            meant = nearest(name, known)
            hint = f"did you mean {meant}?" if meant else f"it knows {', '.join(known) or 'none'}"
            yield Diagnostic(f"unknown-{what}", f"there is no {what} {name}", f"$.{name}", hint=hint)
        if not isinstance(strategy, st.SearchStrategy):
            hint = "hypothesis.strategies.just(...) makes one of a value"
            yield Diagnostic("no-strategy", f"{strategy!r} is no Hypothesis strategy", f"$.{name}", hint=hint)
