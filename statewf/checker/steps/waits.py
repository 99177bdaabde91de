"""A rule about steps that may wait for ever: for a person or an event, with no timeout that ends that.

It is told where there is a run in which all else comes to rest while the step waits: every call is answered well, every
wait is over. So a step in a race, a block in which others decide (`any`, `first`, a quorum), does not wait for ever if some
of them need nobody from outside. Where something is certain to fail that is told, and nothing here.

Below: `timing`. Above: `rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from statewf.checker.findings import Finding
from statewf.checker.steps.ground import Ground, answer, taken
from statewf.checker.steps.timing import done_within, too_short
from statewf.compiler.plan import Planned
from statewf.compiler.settling import lineage
from statewf.definition.model import Quorum

Marks: TypeAlias = dict[int, bool]  # by the number of a step


def waits_forever(ground: Ground) -> Iterator[Finding]:
    """A question, a review or an event that no timeout ends: not its own, nor one around it."""
    if any(_certainly_fails(ground, node) for node in ground.plan.nodes.values()):
        return
    waits, fails, pressing = _marked(ground, _waits), _marked(ground, _may_fail), _pressing(ground)
    free = {node.number: sum(not waits[inner.number] for inner in node.inner) for node in ground.living}
    for node in ground.living:
        if ground.around[node.number] is not None or _raced(node, waits, free):
            continue
        step = node.step
        if step.timeout is None and step.type in ("human-task", "event") and step.event not in pressing:
            ends = "a decision" if step.type == "human-task" else str(step.event)
            message = f"{node.id} may wait for ever: only {ends} ends it"
            yield ground.warning("waits-forever", node.path, message, "add timeout")
        timed = step.review is not None and step.review.timeout is not None
        if step.on_error == "human-review" and not timed and fails[node.number]:
            message = f"the review of {node.id} may wait for ever: only a decision ends it"
            yield ground.warning("waits-forever", (*node.path, "onError"), message, "add review, with a timeout")


def _pressing(ground: Ground) -> frozenset[str]:
    """The events for which some step waits no longer than its time: they come for all who wait, or that one fails."""
    timed = (node.step for node in ground.living if node.step.timeout is not None or ground.around[node.number])
    return frozenset(step.event for step in timed if step.event is not None)


def _marked(ground: Ground, mark: Callable[[Planned, Marks], bool]) -> Marks:
    """What is so of which step, told of those within others first; of what never begins nothing is."""
    found = {node.number: False for node in ground.plan.nodes.values()}
    for node in reversed(ground.living):
        found[node.number] = mark(node, found)
    return found


def _waits(node: Planned, waits: Marks) -> bool:
    """Whether it may be that only people and events end it."""
    if node.step.timeout is not None:
        return False
    inner = (waits[branch.number] for branch in node.inner)
    match node.step.type:
        case "human-task" | "event":
            return True
        case "parallel" if node.step.strategy != "all":
            return all(inner)
        case _:
            return any(inner)


def _raced(node: Planned, waits: Marks, free: dict[int, int]) -> bool:
    """Whether some block around it may be decided by branches that need nobody from outside, or have to make room for it."""
    for branch in lineage(node):
        block = branch.parent
        if block is not None and block.step.type == "parallel" and block.step.strategy != "all":
            others = free[block.number] - (not waits[branch.number])
            if branch.after or branch.pool is not None or others >= _deciding(block):
                return True
    return False


def _deciding(block: Planned) -> int:
    """How many branches are enough to decide it, either way."""
    strategy = block.step.strategy
    if not isinstance(strategy, Quorum):
        return 1
    return min(strategy.quorum, len(block.inner) - strategy.quorum + 1)


def _may_fail(node: Planned, fails: Marks) -> bool:
    """Whether it may come to that, so that somebody is asked. One that rolls back fails the whole, not the block."""
    step = node.step
    late = step.timeout is not None and _too_long(node, step.timeout)
    unsure = any(told is not None and told.may_fault for told in (step.when, step.condition))
    if late or unsure:
        return True
    failing = [inner for inner in node.inner if fails[inner.number] and inner.step.on_error != "rollback"]
    match step.type:
        case "function":
            return True
        case "human-task":
            return step.on_reject == "fail"
        case "parallel" if step.strategy != "all":
            wanted = step.strategy.quorum if isinstance(step.strategy, Quorum) else 1
            racing = [
                inner for inner in failing if not inner.after and inner.pool is None
            ]  # others may come too late
            return len(racing) >= (1 if step.strategy == "first" else len(node.inner) - wanted + 1)
        case _:
            return any(not inner.tolerant for inner in failing)


def _too_long(node: Planned, timeout: int) -> bool:
    """Whether what it does may take that long."""
    done = done_within(node)
    return done is None or done >= timeout


def _certainly_fails(ground: Ground, node: Planned) -> bool:
    """Whether a step fails, or waits in vain, whatever happens."""
    step = node.step
    if "fault" in (answer(step.when), answer(step.condition)) or answer(step.match) in ("no", "fault"):
        return True
    if isinstance(step.strategy, Quorum):
        return len(node.inner) - sum(map(_always_skipped, node.inner)) < step.strategy.quorum
    return too_short(ground, node) is not None


def _always_skipped(node: Planned) -> bool:
    """Whether it is, by conditions that read nothing: a choice with its branch, a race when all within it are."""
    if answer(node.step.when) == "no":
        return True
    races = node.step.type == "parallel" and node.step.strategy != "all"
    return (races or node.chooses) and all(map(_always_skipped, taken(node)))
