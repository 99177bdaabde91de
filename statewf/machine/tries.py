"""What can happen to an instance next, whatever its data say.

Every call returns or fails, every timer comes due, every event is sent, every task is decided, somebody cancels. What
comes with it is unknown (`suppose`).

Below: `suppose`, `snapshot`. Above: `explore`, and whoever goes along a run once more.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from statewf.expr import Expression, Unknown
from statewf.machine.effects import ACTION, Call
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import ERROR, Assign, Machine, is_pattern
from statewf.machine.snapshot import Snapshot, region_state
from statewf.machine.suppose import anything
from statewf.values.frozen import EMPTY

USUAL = ("approved", "rejected", "retry")  # decisions that are always tried


class Try(NamedTuple):
    """Something that can happen, and what to call it. One that is `like` another counts only if it does something else."""

    label: str
    event: AnyEvent
    like: str = ""


def decisions(conditions: Iterable[Expression]) -> tuple[str, ...]:
    """What conditions may ask of a decision besides the usual: all texts in those that read one."""
    reading = (one for one in conditions if any(len(path) < 3 or path[2] == "decision" for path in one.reads))
    texts = dict.fromkeys(text for one in reading for text in one.texts if text.strip())
    return tuple(text for text in texts if text not in USUAL)


def names(machine: Machine, conditions: Iterable[Expression], others: Iterable[str] = ()) -> tuple[str, ...]:
    """The events that somebody may tell from others that fit the same pattern: texts in what is asked or assigned, and `others`."""
    values = (value for op in machine.operations() if isinstance(op, Assign) for _, value in op.values)
    texts = dict.fromkeys((*others, *(text for one in (*conditions, *values) for text in one.texts)))
    fit = (text for text in texts if text not in machine.listeners and not is_pattern(text))
    return tuple(text for text in fit if machine.known(text) in machine.listeners)


def tries(
    machine: Machine,
    snapshot: Snapshot,
    words: Sequence[str] = (),
    regions: Container[str] | None = None,
    named: Sequence[str] = (),
) -> Iterator[Try]:
    """All that can happen next, in document order where there is any; `step` may refuse some of it.

    People decide with these `words`, too. Of answers, timers and decisions only those for one of the `regions`, if these
    are given. A pattern stands for all events that fit it but those that are `named`, which are tried by themselves.
    """
    if not snapshot.seq:
        yield Try("start", Start(EMPTY))
        return
    for number, call in sorted(snapshot.flight.calls.items()):
        if regions is not None and call.region not in regions:
            continue
        of = call.region if len(machine.regions) > 1 else call.handler
        yield Try(f"{of} returned", Returned(number, Unknown()))  # type: ignore[arg-type]  # it stands for any result
        if len(machine.regions) == 1 and call.owner != ACTION:  # an object, which is merged into the context
            yield Try(f"{of} returned", Returned(number, anything()), f"{of} returned")
        for event in (*machine.listeners, *named):
            yield Try(
                f"{of} answered {event}", Returned(number, None, 0, Event(event, anything())), f"{of} returned"
            )
        error = (Unknown(), Unknown())
        yield Try(f"{of} failed", Failed(number, *error))  # type: ignore[arg-type]  # likewise, for any error
        if _is_tried_again(machine, snapshot, call):
            yield Try(f"{of} failed for good", Failed(number, *error, 0, False), f"{of} failed")  # type: ignore[arg-type]  # likewise
    set_ = (name for name in snapshot.flight.deadlines if regions is None or name[0] in regions)
    for _, region, timer in sorted((machine.ranks.get(name, -1), *name) for name in set_):
        yield Try(
            f"{region} {timer.partition(':')[0]}" if len(machine.regions) > 1 else timer, Fired(region, timer)
        )
    for event in (*machine.listeners, *named):
        yield Try(event, Event(event, anything()))
    for region, task in sorted(snapshot.book.tasks.items(), key=lambda item: machine.numbers[item[0]]):
        if regions is not None and region not in regions:
            continue
        approved = f"{region} approved"
        yield Try(approved, decided(task.id, "approved"))
        yield Try(f"{region} rejected", decided(task.id, "rejected"))
        if "retry" in task.details.get("decisions", ()):
            yield Try(f"{region} retry", decided(task.id, "retry"), approved)
            continue
        for word in dict.fromkeys((*words, "otherwise")):
            yield Try(f"{region} decided {word}", decided(task.id, word), approved)
    yield Try("cancel", Cancel())
    yield Try("cancel now", Cancel(now=True))


def decided(task: str, decision: str) -> Decided:
    """A decision of which nothing else is known: neither by whom, nor what came with it."""
    told: Decided = tuple.__new__(Decided, (task, decision, Unknown(), Unknown(), Unknown(), 0))
    return told


def whose(event: AnyEvent, snapshot: Snapshot) -> str:
    """The region that an answer, a timer or a decision is for; of other events, none."""
    match event:
        case Returned(number) | Failed(number):
            return snapshot.flight.calls[number].region
        case Fired(region):
            return region
        case Decided(task):
            return next(region for region, known in snapshot.book.tasks.items() if known.id == task)
        case _:
            return ""


def _is_tried_again(machine: Machine, snapshot: Snapshot, call: Call) -> bool:
    """Whether it may make a difference that no attempt is left."""
    if call.owner == ACTION:
        return True
    number = machine.numbers[call.region]
    listed = (
        machine.regions[number].states[region_state(snapshot.regions, number)[0]].on.get(ERROR + call.owner, ())
    )
    return any(transition.below is not None for transition in listed)
