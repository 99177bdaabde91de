"""Assumptions from what was observed, by counting.

What somebody did is expected again: each outcome as often as it was seen, after one of the times that were seen.
That may be few, and so failures have a prior: to what is known of a handler one more observation is added, which
failed as often as all handlers of the machine did (half a failure among one more in all: Jeffreys' prior, pooled).
Of whom nothing was observed nothing is assumed: a forecast tells that it depends on them.

What handlers returned is returned again, if conditions ask for it; conditions that ask for inputs alone, or for
data of an event alone, hold as often as they did.

Below: `survey`, `assumptions`. Above: whoever forecasts from a store's history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from statewf.compiler.plan import plan
from statewf.definition.model import Workflow
from statewf.expr import Expression, Fault
from statewf.forecast.assumptions import Answer, Arrival, Assumptions, Likely, Returns
from statewf.forecast.spread import Sample
from statewf.forecast.survey import Answered, Place, Survey, Word
from statewf.machine.fsm import Machine
from statewf.machine.lens import conditions
from statewf.simulator.scenario import Decision, Fail, Hang, Ok, Send

T = TypeVar("T")

MOST = 100  # times, or results, that stand for all that were seen
GOLDEN = 0.6180339887498949  # steps of this share of a list come by all parts of it, whatever repeats in it


def learned(machine: Machine, survey: Survey) -> Assumptions:
    """What is to be expected of a machine after that."""
    failing = _failing(survey)
    asks = any(path[0] in ("results", "context") for guard in conditions(machine) for path in guard.reads)
    handlers = {
        name: _handler(survey.calls[name], failing, asks=asks)
        for name in machine.handlers()
        if survey.calls.get(name)
    }
    tasks = {name: _task(survey.tasks[name]) for name in machine.asking() if survey.tasks.get(name)}
    states = {} if len(machine.regions) > 1 else dict(_states(machine, survey))
    events = dict(_events(machine, survey))
    asked = list(_conditions(machine, survey))
    held = {part: chance for part, chance, _ in asked}
    seen = {
        **{f"handlers.{name}": len(survey.calls[name]) for name in handlers},
        **{f"tasks.{name}": len(survey.tasks[name]) for name in tasks},
        **{f"states.{name}": len(survey.places[name].lasted) for name in states},
        **{f"events.{name}": number for name, (_, number) in events.items()},
        **{f"conditions.{part.text}": number for part, _, number in asked},
    }
    arrivals = {name: arrival for name, (arrival, _) in events.items()}
    return Assumptions(handlers=handlers, tasks=tasks, states=states, events=arrivals, conditions=held, seen=seen)


def some(listed: Sequence[T]) -> tuple[T, ...]:
    """As many of them as are looked at, in their order, from all parts of the list."""
    if len(listed) <= MOST:
        return tuple(listed)
    return tuple(
        listed[at] for at in sorted(int(number * GOLDEN % 1 * len(listed)) for number in range(1, MOST + 1))
    )


def _spread(times: Iterable[int]) -> Sample:
    """These times, or some of them, the least and the greatest among them."""
    ordered = sorted(times)
    if len(ordered) <= MOST:
        return Sample(tuple(ordered))
    middle = (ordered[int((number + 0.5) * len(ordered) / MOST)] for number in range(1, MOST - 1))
    return Sample((ordered[0], *middle, ordered[-1]))


def _failing(survey: Survey) -> float:
    """How often handlers fail, whichever."""
    outcomes = Counter(call.outcome for calls in survey.calls.values() for call in calls)
    return (outcomes["failed"] + 0.5) / (outcomes.total() + 1)


def _handler(calls: list[Answered], failing: float, *, asks: bool) -> tuple[Likely[Answer], ...]:
    """What a handler does: it succeeds, fails, or is too late."""
    well = [call for call in calls if call.outcome in ("returned", "answered")]
    wrong = [call for call in calls if call.outcome == "failed"]
    late = len(calls) - len(well) - len(wrong)
    whole = len(calls) + 1
    others = _spread(call.lasted for call in calls)  # how long it takes what was never seen
    return (
        *(
            _each(well, (len(well) + 1 - failing) / whole, asks=asks)
            or [Likely[Answer](Returns(), (1 - failing) / whole, others)]
        ),
        *(
            _each(wrong, (len(wrong) + failing) / whole, asks=asks)
            or [Likely[Answer](Fail(), failing / whole, others)]
        ),
        *([Likely[Answer](Hang(), late / whole)] if late else []),
    )


def _each(calls: list[Answered], chance: float, *, asks: bool) -> list[Likely[Answer]]:
    """Each of the things that these calls did, as often as they did, and as long as that took; of very many things some."""
    if len({_behaviour(call, asks=asks) for call in calls}) > MOST:
        after = _spread(call.lasted for call in calls)
        chosen = Counter(_behaviour(call, asks=asks) for call in some(calls))
        return [Likely(behaviour, chance * times / MOST, after) for behaviour, times in chosen.items()]
    did = [_behaviour(call, asks=asks) for call in calls]
    distinct = dict.fromkeys(did)
    return [
        Likely(
            behaviour,
            chance * did.count(behaviour) / len(did),
            _spread(call.lasted for call, done in zip(calls, did, strict=True) if done == behaviour),
        )
        for behaviour in distinct
    ]


def _behaviour(call: Answered, *, asks: bool) -> Answer:
    match call.outcome:
        case "answered":
            return Send(str(call.what))
        case "failed":
            return Fail("as before", str(call.what), call.retryable)
        case _:
            return Ok(call.what) if asks else Returns()


def _task(words: list[Word]) -> tuple[Likely[Decision], ...]:
    """What people decide, and how long each of these decisions takes."""
    counts = Counter(word.decision for word in words if word.decision)
    return tuple(
        Likely(Decision(decision), number / len(words), _spread(w.lasted for w in words if w.decision == decision))
        for decision, number in counts.items()
    )


def _states(machine: Machine, survey: Survey) -> Iterator[tuple[str, dict[str, Arrival]]]:
    """The events that came in each state that was left before."""
    states = {state for active in machine.notes.active.values() for state in active}
    for name, place in survey.places.items():
        if name in states and place.lasted:
            yield name, _arrivals(place)


def _arrivals(place: Place) -> dict[str, Arrival]:
    whole = max(len(place.lasted), sum(map(len, place.arrivals.values())))
    return {event: Arrival(len(times) / whole, _spread(times)) for event, times in place.arrivals.items()}


def _events(machine: Machine, survey: Survey) -> Iterator[tuple[str, tuple[Arrival, int]]]:
    """The events that steps of a workflow awaited: how often one came, and how long that took."""
    definition = machine.notes.definition
    if not isinstance(definition, Workflow):
        return
    waiting: dict[str, list[Place]] = {}
    for node in plan(definition).nodes.values():
        if node.step.event is not None and node.id in survey.places:
            waiting.setdefault(node.step.event, []).append(survey.places[node.id])
    for event, places in waiting.items():
        over = sum(place.ends["succeeded"] + place.ends["failed"] for place in places)
        times = [lasted for place in places for lasted in place.lasted]
        if over and times:
            yield event, (Arrival(sum(place.ends["succeeded"] for place in places) / over, _spread(times)), over)


def _conditions(machine: Machine, survey: Survey) -> Iterator[tuple[Expression, float, int]]:
    """How often those parts of conditions held that ask for inputs alone, or for data of an event alone, and of how many.

    Half an observation of either answer is added.
    """
    for part, events in _parts(machine).items():
        scopes: list[dict[str, object]] = []
        if all(path[0] == "inputs" for path in part.reads):
            scopes = [{"inputs": inputs} for inputs in survey.inputs]
        elif all(path[:2] == ("event", "data") for path in part.reads):
            scopes = [
                {"event": {"name": name, "data": data}} for name in events for data in survey.events.get(name, ())
            ]
        if scopes:
            yield part, (sum(_holds(part, scope) for scope in scopes) + 0.5) / (len(scopes) + 1), len(scopes)


def _parts(machine: Machine) -> dict[Expression, dict[str, None]]:
    """The parts of conditions that may be asked for, each with the triggers of the transitions it decides."""
    found: dict[Expression, dict[str, None]] = {}
    for region in machine.regions:
        for state in region.states.values():
            for transition in state.transitions():
                guard = transition.guard
                for part in guard.askable if guard is not None and not guard.constant else ():
                    found.setdefault(part, {})[transition.trigger] = None
    return found


def _holds(part: Expression, scope: Mapping[str, object]) -> bool:
    try:
        return part.holds(scope)
    except Fault:
        return False
