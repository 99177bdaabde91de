"""What becomes of a workflow, told without running it: the plain, slow reference of step workflows.

Every step is given a *life*: when it began, when and how it ended, what it found. A list of steps is lived
from its first to its last as if nothing could stop it; then whatever stops it (a success that is enough, a
timeout, a failure of the whole) cuts all lives at that time. That is right because nothing that happens
later can change what was before. No machine, no events, no counters.

Times are ms from the start. Handlers end at once when they are stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from statewf.definition.model import Quorum, RetryPolicy, Step
from statewf.simulator.scenario import Fail, Ok
from tests.flows import INPUTS, Flow, inner

NEVER = 10**12


@attrs.frozen
class Life:
    """One step, from the time when nothing held it back any more. `result` or `error` is what it found."""

    start: int
    end: int
    outcome: str
    result: Any = None
    error: str = ""


class Tied(Exception):
    """A block fails at the very moment it begins: then it is a matter of taste what else has happened before."""


Lives = dict[str, Life]


def live(flow: Flow) -> Foretold:
    """All that becomes of a flow."""
    return _Telling(flow).whole()


@attrs.frozen
class Foretold:
    """What the outputs of a flow have to be."""

    state: str
    lives: Lives
    completed: list[str]
    failed: list[str]
    results: dict[str, Any]
    context: dict[str, Any]
    path: list[str]
    compensations: list[dict[str, Any]]
    elapsed: int


def tolerant(step: Step) -> bool:
    return step.on_error != "rollback" and (not step.required or step.on_error == "log-and-continue")


def delay(policy: RetryPolicy, attempt: int) -> int:
    grown: int = {"constant": 1, "linear": attempt, "exponential": 2 ** (attempt - 1)}[policy.backoff]
    return min(policy.base_delay * grown, policy.max_delay)


class _Telling:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.default = flow.workflow.error_handling.default_retry_policy
        self.chosen: list[tuple[int, str, str]] = []

    # --- one step

    def step(self, step: Step, at: int) -> Lives:
        """The lives of a step and of all within it, if nothing stops it."""
        if step.when is not None and not self.holds(step.when):
            return skipped(step, at)
        match step.type:
            case "function":
                life = self.function(step, at)
            case "wait":
                life = bounded(step, at, Life(at, at + step.duration, "succeeded", {}))  # type: ignore[operator]  # a wait has one
            case "human-task":
                life = self.human_task(step, at)
            case "parallel":
                return self.parallel(step, at)
            case _:
                return self.condition(step, at)
        return {step.id: life}

    def holds(self, expression: Any) -> bool:
        return bool(expression.holds({"inputs": INPUTS}))

    def function(self, step: Step, at: int) -> Life:
        ended, error = self.attempts(step.id, step.retry_policy or self.default, step.timeout, at)
        if not error:
            return Life(at, ended[0], "succeeded", ended[1])
        if step.on_error != "human-review":
            return Life(at, ended[0], "failed", error=error)
        decision, limit = self.flow.decisions.get(step.id), step.review.timeout if step.review else None
        if decision is None or (limit is not None and decision.after > limit):
            return Life(at, ended[0] + (limit or NEVER), "failed", error=error)
        if decision.decision == "approved":
            return Life(at, ended[0] + decision.after, "succeeded", decision.result)
        return Life(at, ended[0] + decision.after, "failed", error=error)

    def attempts(
        self, handler: str, policy: RetryPolicy | None, timeout: int | None, at: int
    ) -> tuple[tuple[int, Any], str]:
        """When a handler was done, with what; and what was wrong, if it failed for good."""
        turns = self.flow.turns[handler]
        for attempt in range(1, (policy.max_attempts if policy else 1) + 1):
            turn = turns[min(attempt, len(turns)) - 1]
            if timeout is not None and turn.after > timeout:
                at, name, error, retryable = at + timeout, "TimeoutError", f"no answer within {timeout} ms", True
            else:
                at += turn.after
                match turn.behaviour:
                    case Ok(result):
                        return (at, result), ""
                    case Fail(message, named, again):
                        name, error, retryable = named, message, again
            if policy is None or attempt == policy.max_attempts or name in policy.non_retryable or not retryable:
                break
            at += delay(policy, attempt)
        return (at, None), error

    def human_task(self, step: Step, at: int) -> Life:
        decision = self.flow.decisions.get(step.id)
        if decision is None or (step.timeout is not None and decision.after > step.timeout):
            return bounded(step, at, Life(at, NEVER, "failed"))
        end = at + decision.after
        said = {"approved": decision.decision == "approved", "decision": decision.decision, "comments": None}
        found = {**said, "reviewedBy": decision.by, "reviewedAt": end, "result": decision.result}
        if decision.decision == "rejected" and step.on_reject == "fail":
            return Life(at, end, "failed", found, f"{step.id} was rejected")
        return Life(at, end, "succeeded", found)

    # --- blocks

    def condition(self, step: Step, at: int) -> Lives:
        then = self.holds(step.condition)
        taken, other = (step.then, step.else_) if then else (step.else_, step.then)
        lives = skipped(other, at) if other else {}
        if taken is None:
            return {step.id: Life(at, at, "skipped"), **lives}
        self.chosen.append((at, step.id, "then" if then else "else"))
        lives |= self.step(taken, at)
        branch = lives[taken.id]
        outcome = "succeeded" if branch.outcome == "failed" and tolerant(taken) else branch.outcome
        result = branch.result if branch.outcome == "succeeded" else None
        found = {**(result if isinstance(result, dict) else {}), "branch": "then" if then else "else"}
        told = {**found, "result": result} if outcome == "succeeded" else None
        life = Life(at, branch.end, outcome, told, branch.error if outcome == "failed" else "")
        return self.block(step, at, {step.id: life, **lives}, taken.id)

    def parallel(self, step: Step, at: int) -> Lives:
        lives = self.siblings(step.steps, at, in_turn=False)
        decided, decider = self.verdict(step, at, lives)
        if decider:
            cut(lives, step.steps, decided.end, {decider})
        life = attrs.evolve(decided, result=self.gathered(step, lives, decider))
        return self.block(step, at, {step.id: life, **lives}, decider)

    def verdict(self, step: Step, at: int, lives: Lives) -> tuple[Life, str]:
        """How a parallel block ends, when, and by whom."""
        ends = sorted((lives[branch.id].end, i, branch) for i, branch in enumerate(step.steps))
        last = ends[-1][0]
        won = [(end, b.id) for end, _, b in ends if lives[b.id].outcome == "succeeded"]
        failed = [(end, b.id) for end, _, b in ends if lives[b.id].outcome == "failed"]
        message = f"{step.id}: not enough of its branches succeeded"
        if step.strategy == "all":
            bad = [b for b in step.steps if lives[b.id].outcome == "failed" and not tolerant(b)]
            return Life(at, last, "failed" if bad else "succeeded", error=message if bad else ""), ""
        if not won and not failed:
            return Life(at, last, "skipped"), ""
        match step.strategy:
            case "any":
                if won:
                    return Life(at, won[0][0], "succeeded"), won[0][1]
                return Life(at, last, "failed", error=message), ""
            case "first":
                end, decider = min([*won, *failed])
                error = lives[decider].error
                return Life(at, end, lives[decider].outcome, error=error), decider
            case Quorum(needed):
                lost = [end for end, _, b in ends if lives[b.id].outcome != "succeeded"]
                out_of_reach = lost[len(ends) - needed] if len(lost) > len(ends) - needed else NEVER
                if len(won) >= needed:
                    return Life(at, won[needed - 1][0], "succeeded"), won[needed - 1][1]
                who = next((name for end, name in failed if end == out_of_reach), None)
                if who is None and out_of_reach == at:
                    raise Tied
                if who is None:  # the last that was needed was skipped
                    who = next(
                        b.id for end, _, b in ends if (end, lives[b.id].outcome) == (out_of_reach, "skipped")
                    )
                return Life(at, out_of_reach, "failed", error=message), who
        raise AssertionError(step.strategy)

    def gathered(self, step: Step, lives: Lives, decider: str) -> Any:
        how = "quorum" if isinstance(step.strategy, Quorum) else step.strategy
        if how in ("any", "first"):
            return {"strategy": how, "result": told(decider, lives[decider])} if decider else None
        settled = [branch for branch in step.steps if lives[branch.id].outcome in ("succeeded", "failed")]
        results = [told(branch.id, lives[branch.id]) for branch in settled if knows(branch, lives)]
        successes = sum(result["success"] for result in results)
        counts = {"successes": successes, "failures": len(results) - successes}
        return {"strategy": how, "results": results, **counts}

    def block(self, step: Step, at: int, lives: Lives, decider: str) -> Lives:
        """The lives of a block and of all in it, within its timeout."""
        life = lives[step.id]
        if step.timeout is None or life.end <= at + step.timeout:
            return lives
        within = tuple(found for _, found in step.inner())
        cut(lives, within, at + step.timeout, set())
        return {**lives, step.id: bounded(step, at, life)}

    def siblings(self, steps: Sequence[Step], at: int, *, in_turn: bool) -> Lives:
        """Steps of one list, each as soon as what it waits for has settled."""
        lives: Lives = {}
        waiting = list(steps)
        while waiting:
            for step in waiting:
                after = needed(step, steps, in_turn=in_turn)
                if all(one.id in lives for one in after):
                    break
            else:
                raise AssertionError("a cycle")
            waiting.remove(step)
            ready = max((lives[one.id].end for one in after), default=at)
            bad = [one for one in after if not goes_on(one, lives[one.id])]
            if bad:
                first = min(lives[one.id].end for one in bad)
                lives |= cancelled(step, first)
            else:
                lives |= self.step(step, ready)
        return lives

    # --- the whole

    def whole(self) -> Foretold:
        workflow = self.flow.workflow
        lives = self.siblings(workflow.steps, 0, in_turn=True)
        ends = [(workflow.timeout, "timed-out", "")] if workflow.timeout is not None else []
        tops = {step.id for step in workflow.steps}
        for step in inner(workflow.steps):
            fatal = step.on_error == "rollback" or (step.id in tops and not tolerant(step))
            if lives[step.id].outcome == "failed" and fatal:
                ends.append((lives[step.id].end, "failed", step.id))
        over = max(life.end for life in lives.values())
        ends.append((over + 1, "completed", ""))
        end, state, culprit = min(
            reversed(ends), key=lambda told: told[0]
        )  # who is within fails before who is around
        if state != "completed":
            cut(lives, workflow.steps, end, {culprit})
            for step in inner(workflow.steps):  # what lies around it fails with it
                if culprit in [one.id for one in inner(tuple(found for _, found in step.inner()))]:
                    lives[step.id] = Life(lives[step.id].start, end, "failed", error=lives[culprit].error)
        undone: list[dict[str, Any]] = []
        elapsed = over if state == "completed" else end
        if state != "completed":
            undone, taken = self.undo(lives, culprit, end)
            elapsed = end + taken
        if undone:
            well = all(record["success"] for record in undone)
            state = {"failed": "compensated"}.get(state, state) if well else "compensation-failed"
        return self.foretold(state, lives, undone, elapsed)

    def foretold(self, state: str, lives: Lives, undone: list[dict[str, Any]], elapsed: int) -> Foretold:
        steps = list(self.flow.steps())
        tops = sorted(self.flow.workflow.steps, key=lambda step: lives[step.id].end)
        results = {
            step.id: lives[step.id].result
            for step in steps
            if lives[step.id].outcome == "succeeded" or (tells_of_failure(step) and lives[step.id].result)
        }
        chosen = [told for told in sorted(self.chosen) if begun(lives[told[1]], told[0])]
        context: dict[str, Any] = dict(INPUTS)
        for step in steps:
            found = results.get(step.id)
            if step.type in ("function", "human-task") and isinstance(found, dict):
                context |= found
        return Foretold(
            state=state,
            lives=lives,
            completed=[step.id for step in tops if lives[step.id].outcome == "succeeded"],
            failed=[step.id for step in tops if lives[step.id].outcome == "failed"],
            results=results,
            context=context,
            path=[f"{name}:{branch}" for _, name, branch in chosen],
            compensations=undone,
            elapsed=elapsed,
        )

    def undo(self, lives: Lives, culprit: str, at: int) -> tuple[list[dict[str, Any]], int]:
        """What is undone, and how long that takes."""
        strategy = self.flow.workflow.error_handling.compensation_strategy
        steps = {step.id: step for step in self.flow.steps()}
        if strategy == "none":
            return [], 0
        order = reversed(list(forward(self.flow.workflow.steps, in_turn=True)))
        wanted = [step for step in order if step.compensation and lives[step.id].outcome == "succeeded"]
        records: list[tuple[int, int, dict[str, Any]]] = []
        clock = 0
        own = steps.get(culprit)
        first = [own] if own is not None and own.on_error == "rollback" and own.compensation else []
        for step in first:
            clock = self.undo_one(step, clock, records)
        begin = clock
        for step in wanted:
            clock = self.undo_one(step, begin if strategy == "parallel" else clock, records)
        taken = max((end for end, _, _ in records), default=0)
        return [record for _, _, record in sorted(records, key=lambda told: told[:2])], taken

    def undo_one(self, step: Step, clock: int, records: list[tuple[int, int, dict[str, Any]]]) -> int:
        assert step.compensation is not None
        for action in step.compensation.steps:
            (clock, _), error = self.attempts(action.action, self.default, action.timeout, clock)
            record: dict[str, Any] = {"step": step.id, "action": action.action, "success": not error}
            records.append((clock, len(records), {**record, "error": error} if error else record))
        return clock


# --- lives


def begun(life: Life, at: int) -> bool:
    """Whether it was still wanted when its time came."""
    return life.outcome != "cancelled" or at < life.end


def goes_on(step: Step, life: Life) -> bool:
    """Whether those that wait for it begin."""
    return life.outcome in ("succeeded", "skipped") or (life.outcome == "failed" and tolerant(step))


def needed(step: Step, siblings: Sequence[Step], *, in_turn: bool) -> list[Step]:
    """The siblings that a step waits for."""
    at = siblings.index(step)
    if step.depends_on is not None:
        return [other for other in siblings if other.id in step.depends_on]
    return [siblings[at - 1]] if in_turn and at else []


def forward(siblings: Sequence[Step], *, in_turn: bool) -> Iterable[Step]:
    """Steps in the order of their dependencies, ties in that of the document; blocks before what is in them."""
    waiting = list(siblings)
    done: set[str] = set()
    while waiting:
        step = next(step for step in waiting if {one.id for one in needed(step, siblings, in_turn=in_turn)} <= done)
        waiting.remove(step)
        done.add(step.id)
        yield step
        yield from forward(tuple(found for _, found in step.inner()), in_turn=False)


def skipped(step: Step, at: int) -> Lives:
    return {one.id: Life(at, at, "skipped") for one in inner((step,))}


def cancelled(step: Step, at: int) -> Lives:
    return {one.id: Life(at, at, "cancelled") for one in inner((step,))}


def cut(lives: Lives, steps: Sequence[Step], at: int, deciders: set[str]) -> None:
    """End whatever still lives at that time; what decided it, with all that is in it, ends by itself."""
    for step in steps:
        if step.id in deciders:
            within = tuple(found for _, found in step.inner())
            for one in inner(within):
                if lives[one.id].end > at:
                    lives[one.id] = attrs.evolve(lives[one.id], end=at, outcome="cancelled", result=None)
            continue
        if lives[step.id].end >= at:
            lives[step.id] = Life(lives[step.id].start, at, "cancelled")
        cut(lives, tuple(found for _, found in step.inner()), at, deciders)


def bounded(step: Step, at: int, life: Life) -> Life:
    """A life within the timeout of its step."""
    if step.timeout is None or life.end <= at + step.timeout:
        return life
    word = "decided" if step.type == "human-task" else "done"
    return Life(at, at + step.timeout, "failed", error=f"not {word} within {step.timeout} ms")


def tells_of_failure(step: Step) -> bool:
    """Whether a step that failed may have a result all the same."""
    return step.type == "human-task" or step.strategy == "first"


def knows(step: Step, lives: Lives) -> bool:
    """Whether a block can tell of that branch."""
    return lives[step.id].outcome == "failed" or lives[step.id].outcome == "succeeded"


def told(name: str, life: Life) -> dict[str, Any]:
    if life.outcome == "failed":
        return {"id": name, "success": False, "error": life.error}
    return {"id": name, "success": True, "result": life.result}
