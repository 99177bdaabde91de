"""What can be said of a block of steps and of a choice, if the same is known of the steps within.

The greatest time of a block is the longest way through the steps within it; or, where only few of them have a place at
a time, that way and its share of everybody else's work. A block that one of its branches decides is over no later than
the first that is sure to decide it. What it leaves behind has the grace time to end.

Below: `facts`. Above: `steps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

import attrs

from statewf.checker.bounds.facts import Fact, Least, Outcome, cut, either, least_of, together
from statewf.checker.bounds.spans import NOTHING, Span, lasting, longest, shortest
from statewf.checker.states.edges import settled
from statewf.compiler.plan import Plan, Planned, in_turn
from statewf.definition.model import Quorum

Facts = Mapping[str, Fact]


def choice(plan: Plan, node: Planned, facts: Facts) -> Fact:
    """A condition. Only one of its branches is taken."""
    condition = node.step.condition
    assert condition is not None, "the definition's shape says so"
    answer = settled(condition)
    branches = [(node.inner[0], answer is not False), *((inner, answer is not True) for inner in node.inner[1:])]
    taken = [(inner, facts[inner.id]) for inner, possible in branches if possible]
    ends: dict[Outcome, Least] = {}
    clean: set[Outcome] = set()
    for inner, fact in taken:
        for outcome, figure in fact.ends.items():
            told: Outcome = "succeeded" if outcome == "failed" and inner.tolerant else outcome
            ends[told] = least_of([figure, ends.get(told)]) or figure
            clean |= {told} if outcome in fact.clean else set()
    at_once: list[Outcome] = [] if len(node.inner) > 1 or answer is True else ["skipped"]
    at_once += ["failed"] if condition.may_fault else []
    ends |= dict.fromkeys(at_once, Least())
    settles = longest(fact.settles for _, fact in taken)
    found = Fact(
        ends,
        frozenset([*clean, *at_once]),
        first=0 if at_once else min((fact.first for _, fact in taken), default=0),
        faults=condition.may_fault or any(fact.faults for _, fact in taken),
        settles=settles,
        over=longest(fact.over for _, fact in taken),
        held=settles,
        calls=either(fact.calls for _, fact in taken),
        undone=least_of(fact.undone for _, fact in taken),
        undo_inner=longest(undoing(plan, fact) for _, fact in taken),
        undo_calls=either(fact.undo_calls for _, fact in taken),
        works=any(fact.works for _, fact in taken),
    )
    return _within(plan, node, found)


def block(plan: Plan, node: Planned, facts: Facts) -> Fact:
    """A parallel block."""
    inner = [facts[one.id] for one in node.inner]
    begins = starts(node.inner, facts)
    settles = _settles(node, facts, begins)
    works = any(fact.works for fact in inner)
    ends = _ends(node, facts, begins)
    found = Fact(
        ends,
        _clean(node, facts, ends),
        first=_first(node, facts),
        faults=any(fact.faults for fact in inner),
        settles=settles,
        over=_over(plan, node, facts, begins, settles) if works else settles,
        held=settles,
        calls=together(fact.calls for fact in inner),
        undone=least_of(_after(begins[one.id], facts[one.id].undone) for one in node.inner),
        undo_inner=all_undone(plan, inner),
        undo_calls=together(fact.undo_calls for fact in inner),
        works=works,
    )
    return _within(plan, node, found)


def _within(plan: Plan, node: Planned, fact: Fact) -> Fact:
    """With the timeout of a block, if it can come to that."""
    timeout = node.step.timeout
    if timeout is None or not can_last(fact.settles, timeout):
        return fact
    settles = cut(fact.settles, node.id, timeout)
    over = fact.over
    if fact.works:
        over = longest([settles, shortest([over, settles.then(grace(plan))])])
    failed = least_of([Least(timeout, fact.first), fact.ends.get("failed")])
    ends = {outcome: figure for outcome, figure in fact.ends.items() if figure.ms <= timeout}
    return attrs.evolve(
        fact,
        ends={**ends, **({"failed": failed} if failed else {})},
        clean=fact.clean | {"failed"},
        settles=settles,
        over=over if fact.works else settles,
        held=settles,
    )


def can_last(span: Span, ms: int) -> bool:
    """Whether something may take so long."""
    return span.ms is None or span.ms >= ms


def grace(plan: Plan) -> Span:
    """The time that handlers have to end which are stopped."""
    return lasting("cancelGrace", plan.workflow.cancel_grace)


# --- undoing


def undoing(plan: Plan, fact: Fact) -> Span:
    """How long it takes to undo a step and what lies within it."""
    if plan.workflow.error_handling.compensation_strategy == "parallel":
        return longest([fact.undo_inner, fact.undo_own])
    return fact.undo_inner.then(fact.undo_own)


def all_undone(plan: Plan, facts: Iterable[Fact]) -> Span:
    """How long it takes to undo several steps, and what lies within them."""
    spans = [undoing(plan, fact) for fact in facts]
    if plan.workflow.error_handling.compensation_strategy == "parallel":
        return longest(spans)
    whole = NOTHING
    for span in spans:
        whole = whole.then(span)
    return whole


# --- how long


@attrs.frozen
class Start:
    """When a step of a list may begin: at the latest, and at the soonest, if it ever can; `clean`: with nothing to undo."""

    latest: Span
    soonest: Least | None
    clean: bool


def starts(siblings: Iterable[Planned], facts: Facts) -> dict[str, Start]:
    """The same for all steps of one list, in the order of their dependencies."""
    found: dict[str, Start] = {}
    for node in in_turn(list(siblings)):
        before = [(other, facts[other.id], found[other.id]) for other in node.after]
        figures = [_after(start, fact.goes_on(other)) for other, fact, start in before]
        known = [figure for figure in figures if figure is not None]
        latest = longest(start.latest.then(fact.settles) for _, fact, start in before)
        soonest = Least(max((f.ms for f in known), default=0), max((f.calls for f in known), default=0))
        clean = all(start.clean and goes_on_clean(other, fact) for other, fact, start in before)
        found[node.id] = Start(latest, soonest if len(known) == len(figures) else None, clean)
    return found


def goes_on_clean(node: Planned, fact: Fact) -> bool:
    """Whether others may begin after it with nothing in it to be undone."""
    return bool(fact.clean & ({"succeeded", "skipped", "failed"} if node.tolerant else {"succeeded", "skipped"}))


def _after(start: Start, figure: Least | None) -> Least | None:
    return None if figure is None or start.soonest is None else start.soonest.then(figure)


def _settles(node: Planned, facts: Facts, begins: Mapping[str, Start]) -> Span:
    """When all within have settled, or it is decided, at the latest."""
    ways = {one.id: begins[one.id].latest.then(facts[one.id].settles) for one in node.inner}
    if node.step.max_concurrency is not None:
        return _in_line(node, facts, node.step.max_concurrency)
    everything = longest(ways.values())
    match node.step.strategy:
        case "all":
            return everything
        case "any":
            needed, deciding = 1, {"succeeded", "rolled"}
        case "first":
            needed, deciding = 1, {"succeeded", "failed", "rolled"}
        case Quorum(needed):
            deciding = {"succeeded", "rolled"}
    sure = sorted(
        (ways[one.id] for one in node.inner if not one.after and deciding.issuperset(facts[one.id].ends)),
        key=lambda span: span.size,
    )
    return everything if len(sure) < needed else shortest([everything, sure[needed - 1]])


def _in_line(node: Planned, facts: Facts, limit: int) -> Span:
    """Where few have a place at a time: a way through the block, on which one waits only while all places are taken."""
    unbounded = next((facts[one.id].settles for one in node.inner if facts[one.id].settles.ms is None), None)
    if unbounded is not None:
        return unbounded
    weights: dict[str, int] = {}  # of the heaviest way that ends with this step, times the number of places
    for one in in_turn(node.inner):
        own = limit * (facts[one.id].settles.ms or 0) - (facts[one.id].held.ms or 0)
        weights[one.id] = own + max((weights[other.id] for other in one.after), default=0)
    work = sum(facts[one.id].held.ms or 0 for one in node.inner)
    return lasting(node.id, (work + max(weights.values())) // limit)


def _over(plan: Plan, node: Planned, facts: Facts, begins: Mapping[str, Start], settles: Span) -> Span:
    """When the handlers of those that lost have ended, too."""
    behind = settles.then(grace(plan))
    waits_for_all = node.step.strategy == "all" and all(
        facts[one.id].over == facts[one.id].settles for one in node.inner
    )
    if waits_for_all and settles.ms is not None:
        return settles  # whoever is stopped ends no later than if he had run out of time
    if node.step.max_concurrency is None:
        last = longest(begins[one.id].latest.then(facts[one.id].over) for one in node.inner)
        behind = shortest([behind, last])
    return longest([settles, behind])


# --- how it ends, and how soon


def _ends(node: Planned, facts: Facts, begins: Mapping[str, Start]) -> dict[Outcome, Least]:
    """The least for each end."""

    def of(outcome: Outcome) -> list[Least]:
        """When its steps may end so, those of the top first."""
        figures = (_after(begins[one.id], facts[one.id].ends.get(outcome)) for one in node.inner)
        return [figure for figure in figures if figure is not None]

    begun = Least(0, _first(node, facts))
    found = {
        "succeeded": _won(node, facts, begins, sorted(of("succeeded"))),
        "failed": _lost(node, facts, begins, of("failed")),
        "skipped": _passed(node, facts),
        "rolled": least_of(of("rolled")),
    }
    outcomes: tuple[Outcome, ...] = ("succeeded", "failed", "skipped", "rolled")
    told = ((outcome, found[outcome]) for outcome in outcomes)
    return {outcome: _at_least(figure, begun) for outcome, figure in told if figure is not None}


def _at_least(figure: Least, other: Least) -> Least:
    return Least(max(figure.ms, other.ms), max(figure.calls, other.calls))


def _won(node: Planned, facts: Facts, begins: Mapping[str, Start], successes: list[Least]) -> Least | None:
    if node.step.strategy == "all":
        each = [(begins[one.id], facts[one.id].goes_on(one)) for one in node.inner]
        figures = [(figure, _after(start, figure)) for start, figure in each]
        own = [figure for figure, _ in figures if figure is not None]
        reached = [there.ms for _, there in figures if there is not None]
        if len(reached) < len(figures):
            return None
        shared = _shared(node, sum(figure.ms for figure in own))
        return Least(max(*reached, shared), sum(figure.calls for figure in own))
    needed = node.step.strategy.quorum if isinstance(node.step.strategy, Quorum) else 1
    if len(successes) < needed:
        return None
    return Least(successes[needed - 1].ms, min(figure.calls for figure in successes))


def _shared(node: Planned, work: int) -> int:
    """How long that work takes at least, where few have a place at a time."""
    return 0 if node.step.max_concurrency is None else -(-work // node.step.max_concurrency)


def _lost(node: Planned, facts: Facts, begins: Mapping[str, Start], failures: list[Least]) -> Least | None:
    """When enough of it has failed."""
    match node.step.strategy:
        case "all":
            settling = {one.id: least_of(facts[one.id].ends.values()) for one in node.inner}
            return _lost_at_last(node, facts, begins, settling, [one for one in node.inner if not one.tolerant])
        case "any":
            settling = {one.id: least_of(_unsuccessful(facts[one.id])) for one in node.inner}
            return _lost_at_last(node, facts, begins, settling, node.inner)
        case "first":
            return least_of(failures)
        case Quorum():
            return least_of(_after(begins[one.id], least_of(_unsuccessful(facts[one.id]))) for one in node.inner)
        case _:
            assert_never(node.step.strategy)


def _lost_at_last(
    node: Planned,
    facts: Facts,
    begins: Mapping[str, Start],
    settling: Mapping[str, Least | None],
    failing: Sequence[Planned],
) -> Least | None:
    """When one of these has failed, and all that began with the block have settled, in at least that."""
    known = {one.id: figure for one in node.inner if not one.after and (figure := settling[one.id]) is not None}
    if len(known) < sum(not one.after for one in node.inner):
        return None
    work, calls = sum(figure.ms for figure in known.values()), sum(figure.calls for figure in known.values())
    last = max(figure.ms for figure in known.values())
    found = []
    for one in failing:
        failed, there = facts[one.id].ends.get("failed"), _after(begins[one.id], facts[one.id].ends.get("failed"))
        if failed is not None and there is not None:
            own = known.get(one.id, failed)
            shared = _shared(node, work - own.ms + failed.ms)
            found.append(_at_least(there, Least(max(last, shared), calls - own.calls + failed.calls)))
    return least_of(found)


def _unsuccessful(fact: Fact) -> Iterator[Least | None]:
    return (fact.ends.get(outcome) for outcome in ("failed", "skipped", "rolled"))


def _passed(node: Planned, facts: Facts) -> Least | None:
    """A block with an early end is skipped with all its steps."""
    figures = [facts[one.id].ends.get("skipped") for one in node.inner]
    known = [figure.ms for figure in figures if figure is not None]
    if node.step.strategy == "all" or len(known) < len(figures):
        return None
    return Least(max(known), 0)


def _first(node: Planned, facts: Facts) -> int:
    """The calls that are made as soon as it begins: none for sure, if one of its steps may fail at that moment."""
    begun = [facts[one.id] for one in node.inner if not one.after]
    if any(fact.faults for fact in begun):
        return 0
    calls = sorted(fact.first for fact in begun)
    return sum(calls[: node.step.max_concurrency])


def _clean(node: Planned, facts: Facts, ends: Mapping[Outcome, Least]) -> frozenset[Outcome]:
    """All its ends, but for a success that needs all of its steps, one of which has to be undone then."""
    dirty = not all(goes_on_clean(one, facts[one.id]) for one in node.inner)
    return frozenset(ends) - ({"succeeded"} if node.step.strategy == "all" and dirty else frozenset())
