"""Every name in a workflow that leads nowhere, every order that cannot be, every read that comes too early.

All is told at once, in document order. What this lets pass, `steps` can compile without asking again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from statewf.compiler.advice import Advice, listed, never_both
from statewf.compiler.plan import Path, Plan, Planned, in_turn
from statewf.compiler.settling import Settling, apart
from statewf.compiler.table import person
from statewf.definition.model import Quorum, path_text
from statewf.errors import Diagnostic
from statewf.expr import Expression

NAMES = ("inputs", "results", "context", "completedSteps", "failedSteps")
LISTS = ("completedSteps", "failedSteps")
MOST_TOLD = 20  # steps of a cycle; of a longer one its beginning and its end


def check_steps(plan: Plan) -> list[Diagnostic]:
    """What must be mended before the workflow can be compiled, in document order."""
    advice = Advice(Settling(plan))
    cycles = _cycles(plan)
    found: list[Diagnostic] = []
    for node in sorted((*plan.nodes.values(), *plan.doubles), key=lambda node: node.number):
        found += _id(plan, node)
        found += _dependencies(plan, advice, node)
        found += (_cycle(plan, cycle) for cycle in cycles.get(node.number, ()))
        found += _own(plan, advice, node)
        for path, expression, names in _expressions(node):
            found += _reads(plan, advice, node, expression, (*node.path, *path), names)
    return sorted(
        found, key=lambda diagnostic: diagnostic.line or 0
    )  # which keeps the order where no line is known


def _diagnostic(plan: Plan, code: str, message: str, path: Path, hint: str | None) -> Diagnostic:
    return Diagnostic(code, message, path_text(path), plan.workflow.places.line(path), hint)


# --- ids and what they are used for


def _id(plan: Plan, node: Planned) -> Iterator[Diagnostic]:
    path = (*node.path, "id")
    first = plan.nodes[node.id]
    if first is not node:
        message = f"there is another step {node.id}, at {path_text(first.path)}"
        hint = "an id is unique in the whole file; call one of them something else"
        yield _diagnostic(plan, "duplicate-step", message, path, hint)


def _dependencies(plan: Plan, advice: Advice, node: Planned) -> Iterator[Diagnostic]:
    known = {other.id for other in node.after}  # what leads nowhere is not among these
    for i, name in enumerate(node.step.depends_on or ()):
        path = (*node.path, "dependsOn", i)
        if name in known:
            continue
        if name not in plan.nodes:
            hint = advice.sibling(node, name)
            yield _diagnostic(plan, "unknown-step", f"there is no step {name}", path, hint)
        else:
            other = plan.nodes[name]
            message = f"{name} is no sibling of {node.id}: dependsOn names steps of the same list"
            if choice := never_both(node, other):
                message = f"{choice[1]}, so {node.id} cannot wait for {name}"
            yield _diagnostic(plan, "foreign-dependency", message, path, advice.instead(node, other))


def _own(plan: Plan, advice: Advice, node: Planned) -> Iterator[Diagnostic]:
    strategy, branches = node.step.strategy, len(node.step.steps)
    if isinstance(strategy, Quorum) and strategy.quorum > branches:
        message = f"{strategy.quorum} successes of {branches} branches can never be"
        hint = f"at most {branches}" if branches > 1 else "with one branch, a quorum of 1"
        yield _diagnostic(plan, "quorum-too-large", message, (*node.path, "strategy", "quorum"), hint)
    for i, action in enumerate(node.step.compensation.steps if node.step.compensation else ()):
        if action.step_id is not None and action.step_id not in plan.nodes:
            path = (*node.path, "compensation", "steps", i, "stepId")
            hint = advice.step(action.step_id) or f"to undo this step, say {node.id}"
            yield _diagnostic(plan, "unknown-step", f"there is no step {action.step_id}", path, hint)


# --- cycles


def _cycles(plan: Plan) -> dict[int, list[list[Planned]]]:
    """The cycles, by the number of their first step; each begins with it, and each waits for the next."""
    found: dict[int, list[list[Planned]]] = {}
    for siblings in (plan.roots, *(node.inner for node in (*plan.nodes.values(), *plan.doubles))):
        ordered = {node.number for node in in_turn(siblings)}
        if len(ordered) < len(siblings):
            for cycle in _closed([node for node in siblings if node.number not in ordered]):
                first = cycle.index(min(cycle, key=lambda node: node.number))
                found.setdefault(cycle[first].number, []).append([*cycle[first:], *cycle[:first]])
    return found


def _closed(siblings: Sequence[Planned]) -> Iterator[list[Planned]]:
    """A cycle for each dependency that closes one, on a walk in depth along what the steps wait for."""
    begun: set[int] = set()
    for root in siblings:
        way = [root] if root.number not in begun else []
        left = [iter(root.after)]
        at = {root.number: 0}  # where a step is on the way
        begun.add(root.number)
        while way:
            node = next(left[-1], None)
            if node is None:
                del at[way.pop().number], left[-1]
            elif node.number in at:
                yield way[at[node.number] :]
            elif node.number not in begun:
                begun.add(node.number)
                at[node.number] = len(way)
                way.append(node)
                left.append(iter(node.after))


def _cycle(plan: Plan, cycle: Sequence[Planned]) -> Diagnostic:
    pairs = list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    told = [f"{node.id} waits for {following.id}" for node, following in pairs]
    if len(told) > MOST_TOLD:
        told[MOST_TOLD // 2 : -MOST_TOLD // 2] = [f"... ({len(told) - MOST_TOLD:,} more)"]
    message = ", ".join(told)
    first, following = pairs[0]
    named = first.step.depends_on
    path = first.path if named is None else (*first.path, "dependsOn", named.index(following.id))
    silent = next((node.id for node in cycle if node.step.depends_on is None), None)
    if len(cycle) == 1:
        message, hint = f"{first.id} waits for itself", "remove it"
    elif silent is not None:
        hint = f"{silent} says nothing, so it waits for the step before it; dependsOn: [] begins at once"
    else:
        hint = "remove one of these dependencies"
    return _diagnostic(plan, "cyclic-dependency", message, path, hint)


# --- expressions


def _expressions(node: Planned) -> Iterator[tuple[Path, Expression, tuple[str, ...]]]:
    """What a step reckons, where that stands within it, and the names that it may read."""
    step = node.step
    for key, told, names in (
        ("when", step.when, NAMES),
        ("condition", step.condition, NAMES),
        ("match", step.match, (*NAMES, "event")),
    ):
        if told is not None:
            yield (key,), told, names
    policy, review = step.escalation_policy, step.review
    for path, text in (
        (("assignTo",), step.assign_to),
        (("escalationPolicy", "escalateTo"), policy.escalate_to if policy else None),
        (("review", "assignTo"), review.assign_to if review else None),
    ):
        who = person(text)
        if isinstance(who, Expression):
            yield path, who, NAMES


def _reads(
    plan: Plan, advice: Advice, node: Planned, expression: Expression, path: Path, names: Sequence[str]
) -> Iterator[Diagnostic]:
    for name in dict.fromkeys(str(read[0]) for read in expression.reads):
        if name not in names:
            yield _diagnostic(plan, "unknown-name", f"{name} means nothing here", path, advice.name(name, names))
    for name in _steps_read(plan, expression):
        other = plan.nodes.get(name)
        if other is None:
            hint = advice.step(name) or listed("the steps are", plan.nodes)
            yield _diagnostic(plan, "unknown-step", f"there is no step {name} to read from", path, hint)
        elif not advice.settling.certain(node, other):
            yield _unsettled(plan, advice, node, other, path)


def _steps_read(plan: Plan, expression: Expression) -> dict[str, None]:
    """The ids of which it reads something, each once: `results.a`, and what may be picked by a text in it."""
    found = {str(read[1]): None for read in expression.reads if read[0] == "results" and len(read) > 1}
    if any(read == ("results",) or read[0] in LISTS for read in expression.reads):
        found |= {text: None for text in expression.texts if text in plan.nodes}
    return found


def _unsettled(plan: Plan, advice: Advice, node: Planned, other: Planned, path: Path) -> Diagnostic:
    mine, theirs = apart(node, other)
    message = f"{other.id} is not certain to have settled when {node.id} begins"
    if other is node:
        message, hint = f"{node.id} reads its own result, which it does not have yet", "read what came before"
    elif choice := never_both(node, other):
        message, hint = f"{choice[1]}, so {node.id} cannot read {other.id}", f"read what came before {choice[0].id}"
    elif mine is None or theirs is None:
        message, hint = f"{other.id} is not over while {node.id} is at work", "read what came before"
    elif advice.settling.certain(node, theirs):
        message = f"{other.id} may still be ending when {theirs.id} is over"
        hint = f"read results[{theirs.id!r}], or let every branch end"
    else:
        hint = advice.instead(node, other, reading=True)
    return _diagnostic(plan, "unsettled-read", message, path, hint)
