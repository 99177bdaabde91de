"""How long a run of a workflow takes, and how many calls it makes: from the facts of its steps to its six ends.

Time passes in waits, between attempts, and while a handler, a person or an event keeps it waiting, which may also be no
time at all; a handler that was stopped has the grace time to end. Timers are punctual, conditions are free, any handler
may fail for good at its first attempt, and somebody may cancel at any moment, with or without undoing. An *attempt* is
a call of a handler, of those that undo, too.

All bounds are safe: no run takes less than the least or more than the greatest, and what is left out as an end cannot be
reached. Times, and the greatest numbers of attempts, are exact for steps one after another that call, wait and ask, for
choices of which either branch may fail, and for blocks that wait for all their steps at once, with nothing in them to
undo, if conditions are free indeed. The fewest attempts are exact to `completed`, if no block is decided early. Where
steps run beside one that fails, or wait for a place, or a block is decided early, what they add to an end is taken as if
it always came at the worst moment.

Below: `facts`, `blocks`. Above: the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from statewf.checker.bounds.blocks import all_undone, block, can_last, choice, grace, starts, undoing
from statewf.checker.bounds.facts import Calls, Fact, Least, alone, complete, cut, greatest, least_of, together
from statewf.checker.bounds.spans import NOTHING, Bounds, End, Leg, Span, lasting, longest, shortest
from statewf.compiler.plan import Plan, Planned, in_turn

CUT = "timeout"  # what the timeout of the whole is called on a way


def step_bounds(plan: Plan) -> Bounds:
    """The bounds of a workflow that compiled."""
    facts: dict[str, Fact] = {}
    for node in reversed(plan.nodes.values()):  # those within a step come after it
        match node.step.type:
            case "condition":
                fact = choice(plan, node, facts)
            case "parallel":
                fact = block(plan, node, facts)
            case _:
                fact = alone(plan, node)
        facts[node.id] = complete(plan, node, fact)
    rows = _rows(plan, facts)
    calls = together(row.fact.calls for row in rows)
    undo_calls = together(row.fact.undo_calls for row in rows)
    whole = _Whole(plan, rows, calls, undo_calls, _rolled_first(plan, facts))
    found = list(whole.ends())
    most = longest(span for _, span in found)
    each = together([calls, undo_calls] if whole.undone else [calls]).each
    return Bounds(tuple(end for end, _ in found), most.ms, most.legs(), most.why, each)


def _rolled_first(plan: Plan, facts: Mapping[str, Fact]) -> Span:
    """What steps that roll back take to undo themselves, one after another, before all others are undone at once."""
    whole = NOTHING
    if plan.workflow.error_handling.compensation_strategy == "parallel":
        for node in plan.chain:
            whole = whole.then(facts[node.id].undo_own if node.step.on_error == "rollback" else NOTHING)
    return whole


@attrs.frozen
class _Row:
    """A step of the top level. `done`: when it has settled; `over`: when all that may have begun with it has ended.

    `first` is the least until it may fail the workflow, `dirty` whether something may have to be undone then, `clean`
    whether perhaps nothing has. `undoing` is how long that takes, with how many calls
    `undo_most`; `most` is how many have been made by then.
    """

    node: Planned
    fact: Fact
    soonest: Least
    done: Span
    over: Span
    fails: Least | None
    clean: bool
    dirty: bool
    undoing: Span
    undo_most: int | None
    most: int | None


def _rows(plan: Plan, facts: Mapping[str, Fact]) -> list[_Row]:
    """The steps of the top level that can ever begin, in the order of their dependencies."""
    begins = starts(plan.roots, facts)
    ordered = [node for node in in_turn(plan.roots) if begins[node.id].soonest is not None]
    straight = all(after.after == [before] for before, after in pairwise(ordered))
    if straight and ordered[-1].step.type not in ("function", "parallel", "condition"):
        facts = {**facts, ordered[-1].id: _at_last(ordered[-1], facts[ordered[-1].id])}
    rows = []
    over, undone, undo_most, most, undoable = NOTHING, NOTHING, Calls(), Calls(), False
    for node in ordered:
        fact, start, soonest = facts[node.id], begins[node.id], begins[node.id].soonest or Least()
        fatal = fact.fatal(node)
        fails = least_of(soonest.then(fact.ends[outcome]) for outcome in fatal)
        rolls = node.step.on_error == "rollback"
        within = fact if rolls else attrs.evolve(fact, undo_own=NOTHING, undo_calls=fact.undo_inner_calls)
        over = longest([over, start.latest.then(fact.over)])
        most = together([most, Calls(fact.calls.most)])
        rows.append(
            _Row(
                node,
                fact,
                soonest,
                start.latest.then(fact.settles),
                over,
                fails,
                clean=start.clean and bool(fact.clean.intersection(fatal)),
                dirty=undoable or bool(within.undo_inner.way or within.undo_own.way),
                undoing=_joined(plan, undone, undoing(plan, within)),
                undo_most=together([undo_most, within.undo_calls]).most,
                most=most.most,
            )
        )
        undone = _joined(plan, undone, undoing(plan, fact))
        undo_most = together([undo_most, Calls(fact.undo_calls.most)])
        undoable = undoable or fact.undone is not None
    if straight:
        return rows
    whole: dict[str, Any] = {"undoing": undone, "undo_most": undo_most.most, "dirty": undoable}
    return [attrs.evolve(row, over=over, most=most.most, **whole) for row in rows]


def _at_last(node: Planned, fact: Fact) -> Fact:
    """A last step that calls nobody: when it has succeeded all is over, and nothing will be undone any more."""
    if node.step.on_error == "rollback":
        return fact
    return attrs.evolve(fact, undone=None, undo_own=NOTHING, undo_calls=Calls())


def _joined(plan: Plan, before: Span, after: Span) -> Span:
    """How long it takes to undo both."""
    parallel = plan.workflow.error_handling.compensation_strategy == "parallel"
    return longest([before, after]) if parallel else after.then(before)


@attrs.frozen
class _Whole:
    """The workflow as a whole: what is known of its steps, of what is called, and of what rolls back before all else."""

    plan: Plan
    rows: Sequence[_Row]
    calls: Calls
    undo_calls: Calls
    rolling: Span

    @property
    def over(self) -> Span:
        """When nothing runs any more, at the latest, if nobody stops it."""
        return longest(row.over for row in self.rows)

    @property
    def undone(self) -> Least | None:
        """The least until something can have to be undone."""
        known = ((row.soonest, row.fact.undone) for row in self.rows)
        return least_of(start.then(figure) for start, figure in known if figure is not None)

    @property
    def begun(self) -> Least:
        """The calls that are made at the start."""
        first = [row.fact for row in self.rows if not row.node.after]
        return Least(0, 0 if any(fact.faults for fact in first) else sum(fact.first for fact in first))

    def stopped(self, at: Span) -> Span:
        """When nothing runs any more if all is stopped at that time at the latest."""
        if not any(row.fact.works for row in self.rows):
            return at
        return at.then(grace(self.plan))

    def ends(self) -> Iterator[tuple[End, Span]]:
        """The ends that can be reached, each with its greatest time."""
        plan, timeout = self.plan, self.plan.workflow.timeout
        completed = self.completed()
        if completed is not None:
            yield self.end("completed", completed, cut(self.over, CUT, timeout), self.calls.most)
        failing = [row for row in self.rows if row.fails and (timeout is None or row.fails.ms <= timeout)]
        clean = [row for row in failing if row.clean]
        if clean:
            most = greatest(row.most for row in clean)
            yield self.end("failed", self.failing(clean), longest(map(self.quiet, clean)), most)
        undone = self.undone
        undo = all_undone(plan, (row.fact for row in self.rows))
        dirty = [row for row in failing if row.dirty] if undone is not None else []
        spans = [self.quiet(row).then(self.rolling).then(row.undoing) for row in dirty]
        if dirty and undone is not None:
            least = self.failing(dirty)
            ahead = Least(max(least.ms, undone.ms), max(least.calls, undone.calls) + 1)
            most = greatest(together([Calls(row.most), Calls(row.undo_most)]).most for row in dirty)
            yield self.end("compensated", ahead, longest(spans), most)
        stopped = shortest([self.over, self.stopped(cut(self.over, CUT, timeout))])
        spans.append(stopped.then(undo))
        every = together([self.calls, self.undo_calls]).most
        if undone is not None:
            ahead = Least(undone.ms, max(undone.calls, self.begun.calls) + 1)
            yield self.end("compensation-failed", ahead, longest(spans), every)
        yield self.end("cancelled", self.begun, spans[-1], every)
        if timeout is not None and can_last(self.over, timeout):
            out = shortest([self.over, self.stopped(lasting(CUT, timeout))])
            yield self.end("timed-out", Least(timeout, self.begun.calls), out.then(undo), every)

    def end(self, name: str, least: Least, span: Span, most: int | None) -> tuple[End, Span]:
        """What is said of one end."""
        often = "" if most is not None else self.again
        way = (*span.legs(), Leg(name, 0))
        fewest = max(least.calls, self.begun.calls)
        return End(name, least.ms, span.ms, fewest, most, way, span.why, often), span

    def completed(self) -> Least | None:
        """The least until it is completed, if it can be."""
        going = [(row.soonest, row.fact.goes_on(row.node)) for row in self.rows]
        ended = [(start.then(figure).ms, figure.calls) for start, figure in going if figure is not None]
        timeout, last = self.plan.workflow.timeout, max((ms for ms, _ in ended), default=0)
        if len(ended) < len(self.plan.roots) or (timeout is not None and last > timeout):
            return None
        return Least(last, sum(calls for _, calls in ended))

    def failing(self, rows: Sequence[_Row]) -> Least:
        """The least until one of these has failed the workflow."""
        return least_of(row.fails for row in rows) or Least()

    def quiet(self, row: _Row) -> Span:
        """When nothing runs any more, at the latest, if this step fails the workflow."""
        latch = cut(row.done, CUT, self.plan.workflow.timeout)
        return longest([latch, shortest([row.over, self.stopped(latch)])])

    @property
    def again(self) -> str:
        """What may be tried again and again."""
        asks = (
            node for node in self.plan.nodes.values() if node.step.on_error == "human-review" and not node.inner
        )
        return next((f"a review may have {node.id} tried again and again" for node in asks), "")
