"""What can have become of a step by the time another one fails, or the workflow is stopped.

It is told from the plan alone: who waits for whom, who lies in whom, what can go wrong with each kind of step. A list
of steps is looked at from outside (which `phases` can one of them be in, when the block around is in this one?), and so
inward to the step that is asked for. Conditions are free: each may hold or not, whatever others say. Times are left
out, but for a `wait` that is longer than its own timeout.

Nothing that is possible is left out. More is told possible than is where branches wait for places (`maxConcurrency`), or
for each other in a block that is decided by counting (`any`, `first`, a quorum); where one event ends several steps; and
where a step fails at the instant at which it would begin, because its condition has no answer.

Below: the compiler's plan. Above: `saga`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple, TypeAlias

from statewf.compiler.plan import Plan, Planned, in_turn
from statewf.compiler.settling import apart, lineage
from statewf.definition.model import Quorum
from statewf.expr import Expression

# Where a step is. It is `waiting` also if it was given up before it began; `running` until it is over for all others.
Phase: TypeAlias = Literal["waiting", "running", "succeeded", "failed", "skipped"]
Phases: TypeAlias = frozenset[Phase]
# What becomes of it once nothing new begins: a handler that runs may succeed nevertheless.
End: TypeAlias = Literal["succeeded", "skipped", "not"]

NONE: Phases = frozenset()
WAITING: Phases = frozenset({"waiting"})
RUNNING: Phases = frozenset({"running"})
SUCCEEDED: Phases = frozenset({"succeeded"})
FAILED: Phases = frozenset({"failed"})
SKIPPED: Phases = frozenset({"skipped"})
BEGINNING: Phases = WAITING | RUNNING


class Work(NamedTuple):
    """How what a step does can end, if nobody stops it."""

    succeeds: bool
    fails: bool
    skips: bool = False


class Outcomes:
    """Answers for one plan.

    They say of each step, by its number: `behind`, whom of its list it waits for in the end, a bit each; `begins`, whether
    all these can be over, and the block around it is not over by that; `ways`, in which ways it can be over while the
    rest goes on; `faulty`, whether it can fail at all. `lingers` says of an outermost step in which of its ways a handler
    within it may still be ending.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.behind: dict[int, int] = {}
        self.begins: dict[int, bool] = {}
        self.ways: dict[int, Phases] = {}
        self.faulty: dict[int, bool] = {}
        for node in reversed(plan.nodes.values()):  # what lies within a step comes behind it
            self._line_up(node.inner)
            self._judge(node)
        self._line_up(plan.roots)
        self.lingers = {root.number: self._lingering(root) for root in plan.roots}

    # --- what is asked

    def fails(self, node: Planned) -> bool:
        """Whether it can come to that: it is reached, and something can go wrong with it."""
        reached = all(self.begins[outer.number] for outer in lineage(node))
        return reached and self.faulty[node.number]

    def ends(self, step: Planned, failing: Planned | None) -> frozenset[End]:
        """What can have become of a step, and no other, when `failing` failed; None: when all was stopped."""
        return frozenset(end for phase in self._phases(step, failing) for end in _ends(step, phase))

    def _phases(self, step: Planned, failing: Planned | None) -> Phases:
        *_, top = lineage(step)
        if failing is None:
            return self._inward(top, self._amid(top, None), step)
        if failing in lineage(step):
            return self._inward(failing, FAILED, step)
        mine, other = apart(step, failing)
        if mine is None or other is None:
            return RUNNING  # it lies around what fails
        return self._inward(mine, self._amid(mine, other), step)

    def _inward(self, around: Planned, phases: Phases, step: Planned) -> Phases:
        """The phases of a step when a block around it is in one of these."""
        between = list(takewhile(lambda node: node is not around, lineage(step)))
        for node in reversed(between):
            phases = frozenset(phase for given in phases for phase in self._within(given, node))
        return phases

    # --- how a step can be over

    def _line_up(self, siblings: Sequence[Planned]) -> None:
        """Who waits for whom in a list of steps, all of which are judged already."""
        for node in in_turn(siblings):
            self.behind[node.number] = 0
            for before in node.after:
                self.behind[node.number] |= self.behind[before.number] | 1 << before.number
            goes_on = (self.begins[one.number] and self._settled(one) - _deciding(one) for one in node.after)
            self.begins[node.number] = all(goes_on)

    def _judge(self, node: Planned) -> None:
        """Those within it are judged already."""
        step = node.step
        work = self._work(node)
        fails = work.fails or _may_fault(step.when)
        self.faulty[node.number] = fails
        found = SKIPPED if work.skips or step.when is not None else NONE
        if work.succeeds or (fails and step.on_error == "human-review"):
            found |= SUCCEEDED
        if fails and step.on_error != "rollback":
            found |= FAILED
        self.ways[node.number] = found

    def _work(self, node: Planned) -> Work:
        step = node.step
        timed = step.timeout is not None
        match step.type:
            case "function":
                return Work(succeeds=True, fails=True)
            case "human-task":
                return Work(succeeds=True, fails=timed or step.on_reject == "fail")
            case "event":
                return Work(succeeds=True, fails=timed)
            case "wait":
                late = step.timeout is not None and step.timeout <= (step.duration or 0)
                return Work(succeeds=not late, fails=late)
            case "condition":
                work = self._choice(node)
            case "parallel":
                work = self._together(node) if step.strategy == "all" else self._counted(node)
        return work._replace(fails=work.fails or timed)

    def _choice(self, node: Planned) -> Work:
        succeeds = any(self._good(inner) for inner in node.inner)
        fails = _may_fault(node.step.condition) or any(self._breaks(inner) for inner in node.inner)
        skips = len(node.inner) == 1 or any("skipped" in self.ways[inner.number] for inner in node.inner)
        return Work(succeeds, fails, skips)

    def _together(self, node: Planned) -> Work:
        return Work(all(map(self._fine, node.inner)), bool(self._culprits(node)))

    def _counted(self, node: Planned) -> Work:
        inner = node.inner
        succeeds = self._count(inner, SUCCEEDED) >= _needed(node)
        skips = all("skipped" in self.ways[branch.number] for branch in inner)
        return Work(succeeds, self._may_lose(node, inner, _bar(node)), skips)

    def _may_lose(self, node: Planned, branches: Sequence[Planned], lost: int) -> bool:
        """Whether so many of these branches can be lost; and one must have failed, or others be there to be missed."""
        some = self._count(branches, FAILED) > 0 or _needed(node) > 1
        return some and sum(map(self._losable, branches)) >= lost

    def _losable(self, branch: Planned) -> bool:
        return bool(branch.after or self.ways[branch.number] & (FAILED | SKIPPED))

    def _count(self, branches: Iterable[Planned], way: Phases) -> int:
        return sum(way <= self.ways[branch.number] for branch in branches)

    def _good(self, node: Planned) -> bool:
        """Whether it can be over, and not skipped, so that others go on."""
        return bool(self.ways[node.number] & (SUCCEEDED | (FAILED if node.tolerant else NONE)))

    def _settled(self, node: Planned) -> Phases:
        """The ways in which it can be over so that others go on."""
        return self.ways[node.number] - (NONE if node.tolerant else FAILED)

    def _fine(self, node: Planned) -> bool:
        return bool(self._settled(node))

    def _breaks(self, node: Planned) -> bool:
        """Whether its failure stops those who wait for it."""
        return "failed" in self.ways[node.number] and not node.tolerant

    def _waits(self, node: Planned, other: Planned) -> bool:
        return bool(self.behind[node.number] >> other.number & 1)

    def _culprits(self, node: Planned) -> list[Planned]:
        """The branches that can fail a block which waits for all of them."""
        return [inner for inner in node.inner if self._breaks(inner) and self.begins[inner.number]]

    # --- the phases of one in a list

    def _amid(self, node: Planned, failing: Planned | None) -> Phases:
        """While the block around it is not decided; `failing` is a sibling that is about to fail."""
        if node.parent is not None and node.parent.chooses:
            return SKIPPED if failing else RUNNING | SKIPPED
        if (failing and self._waits(node, failing)) or not self.begins[node.number]:
            return WAITING
        deciding = _deciding(node)
        if failing and self._waits(failing, node):
            return self._settled(node) - deciding
        return BEGINNING | (self._over(node) if failing is None else self._goes_on(node)) - deciding

    def _goes_on(self, node: Planned) -> Phases:
        """The ways in which it can be over, and the whole goes on."""
        return self.ways[node.number] if node.parent is not None else self._settled(node)

    def _over(self, node: Planned) -> Phases:
        """Those in which it can be over, and not all is over with it."""
        siblings = node.parent.inner if node.parent is not None else self.plan.roots
        if self.behind[node.number].bit_count() + 1 < len(siblings):
            return self._goes_on(node)
        if node.parent is not None:
            return NONE
        others = any(self.lingers[other.number] for other in self.plan.roots if other is not node)
        return self._settled(node) if others else self.lingers[node.number]

    def _lingering(self, root: Planned) -> Phases:
        """The ways in which it can be over, and a handler within it is still ending."""
        handlers = [node for node in _all_within(root) if node.step.type == "function"]
        return frozenset(
            way
            for way in self._settled(root)
            if any("running" in self._inward(root, frozenset({way}), node) for node in handlers)
        )

    def _within(self, phase: Phase, node: Planned) -> Phases:
        """When the block around it is in that phase."""
        block = node.parent
        assert block is not None, "it lies in a block"
        match phase:
            case "waiting":
                return WAITING
            case "skipped":
                return SKIPPED
            case "running":
                return self._amid(node, None)
            case "failed":
                return self._in_failed(block, node)
            case "succeeded":
                approved = self._in_failed(block, node) if block.step.on_error == "human-review" else NONE
                return approved | self._in_succeeded(block, node)

    def _in_succeeded(self, block: Planned, node: Planned) -> Phases:
        ways = self.ways[node.number]
        others = [inner for inner in block.inner if inner is not node]
        if block.chooses:
            return (self._settled(node) - SKIPPED) | (SKIPPED if any(map(self._good, others)) else NONE)
        if block.step.strategy == "all":
            return self._settled(node)
        if self._count(others, SUCCEEDED) < _needed(block):
            return ways & SUCCEEDED
        return BEGINNING | (ways - FAILED if block.step.strategy == "first" else ways)

    def _in_failed(self, block: Planned, node: Planned) -> Phases:
        """For any reason: its condition, its time, its branches."""
        found = WAITING if _may_fault(block.step.when) else NONE
        if block.step.timeout is not None:
            found |= self._amid(node, None)
        if block.chooses:
            return found | self._in_wrong_choice(block, node)
        if block.step.strategy == "all":
            return found | self._in_broken(block, node)
        return found | self._in_lost(block, node)

    def _in_wrong_choice(self, block: Planned, node: Planned) -> Phases:
        others = [inner for inner in block.inner if inner is not node]
        found = WAITING if _may_fault(block.step.condition) else NONE
        found |= FAILED if self._breaks(node) else NONE
        return found | (SKIPPED if any(map(self._breaks, others)) else NONE)

    def _in_broken(self, block: Planned, node: Planned) -> Phases:
        """It waits for all of them, whichever failed."""
        culprits = self._culprits(block)
        found = FAILED if node in culprits else NONE
        if culprits and (not self.begins[node.number] or any(self._waits(node, culprit) for culprit in culprits)):
            found |= WAITING
        if self.begins[node.number] and any(one is not node and not self._waits(node, one) for one in culprits):
            found |= self._settled(node)
        return found

    def _in_lost(self, block: Planned, node: Planned) -> Phases:
        """As soon as success is out of reach."""
        ways = self.ways[node.number]
        lost = ways & (FAILED | SKIPPED)
        others = [inner for inner in block.inner if inner is not node]
        bar = _bar(block)
        if block.step.strategy == "first":
            return (ways & FAILED) | (BEGINNING | lost if self._count(others, FAILED) else NONE)
        found = WAITING if node.after else NONE
        if "failed" in ways and sum(map(self._losable, others)) >= bar - 1:
            found |= FAILED
        if "skipped" in ways and self._may_lose(block, others, bar - 1):
            found |= SKIPPED
        if self._may_lose(block, others, bar):
            found |= BEGINNING | (ways - _deciding(node))
        return found


def _deciding(node: Planned) -> Phases:
    """The ways in which one branch by itself decides the block around it."""
    block = node.parent
    if block is None or block.chooses or block.step.strategy == "all":
        return NONE
    lost = FAILED if block.step.strategy == "first" else FAILED | SKIPPED
    return (SUCCEEDED if _needed(block) == 1 else NONE) | (lost if _bar(block) == 1 else NONE)


def _needed(block: Planned) -> int:
    """How many successes decide it."""
    return block.step.strategy.quorum if isinstance(block.step.strategy, Quorum) else 1


def _bar(block: Planned) -> int:
    """How many losses do; where all have to be lost, as many as there are."""
    return 1 if block.step.strategy == "first" else len(block.inner) - _needed(block) + 1


def _all_within(node: Planned) -> Iterator[Planned]:
    for inner in node.inner:
        yield inner
        yield from _all_within(inner)


def _may_fault(condition: Expression | None) -> bool:
    return condition is not None and condition.may_fault


def _ends(step: Planned, phase: Phase) -> frozenset[End]:
    match phase:
        case "succeeded":
            return frozenset({"succeeded"})
        case "skipped":
            return frozenset({"skipped"})
        case "running" if step.step.type == "function":
            return frozenset({"succeeded", "not"})
        case _:
            return frozenset({"not"})
