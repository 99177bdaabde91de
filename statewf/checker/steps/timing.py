"""Rules about times in step workflows: timeouts that cannot fire, waits and retries that do not fit. Only what is certain is said.

A timer that is set no earlier than another, for as long or longer, comes later: of two at one instant the one goes first
that stands earlier in the document, and a block stands before what lies within it. What takes two timers, one after the
other, is not certain to be done when both times have passed: who was stopped meanwhile fires them late.

Below: `ground`. Above: `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.checker.findings import Finding
from statewf.checker.states.timing import least
from statewf.checker.steps.ground import End, Ground, begins, taken
from statewf.compiler.plan import Path, Planned
from statewf.compiler.table import delay_of
from statewf.definition.model import RetryPolicy, Workflow
from statewf.values.duration import spoken

DEFAULT_POLICY: Path = ("errorHandling", "defaultRetryPolicy")
NEVER_AGAIN = "never tries again: the first attempt is the only one"


# --- timeouts


def dead_timeout(ground: Ground) -> Iterator[Finding]:
    """A timeout, or an escalation, before which the step is certain to be over."""
    for node in ground.living:
        yield from _dead_own(ground, node)
        step, around = node.step, ground.around[node.number]
        if step.review is not None and step.review.timeout is not None:
            never = "this timeout can never fire"
            yield from _dead(ground, (*node.path, "review", "timeout"), step.review.timeout, around, never)
        if step.escalation_policy is not None:
            path, never = (*node.path, "escalationPolicy", "timeout"), "this escalation can never happen"
            own = None if step.timeout is None else End(step.timeout, node.id)
            yield from _dead(ground, path, step.escalation_policy.timeout, _sooner(own, around), never)


def _dead_own(ground: Ground, node: Planned) -> Iterator[Finding]:
    """The timeout of a step, which what lies around it, or what it does, comes before."""
    timeout, around = node.step.timeout, ground.around[node.number]
    if timeout is None or (node.inner and not any(map(begins, taken(node)))):
        return  # that nothing in it ever begins is told by dead_step
    path, never, done = (*node.path, "timeout"), "this timeout can never fire", done_within(node)
    if done is not None and done < timeout and (around is None or done < around.after):
        what = "the wait" if node.step.type == "wait" else "all within it"
        message = f"{never}: {what} is over after {spoken(done)}"
        yield ground.warning("dead-timeout", path, message, "remove it")
    else:
        yield from _dead(ground, path, timeout, around, never)


def _dead(ground: Ground, path: Path, timeout: int, sooner: End | None, never: str) -> Iterator[Finding]:
    if sooner is not None and sooner.after <= timeout:
        message = f"{never}: {sooner.name} ends after {spoken(sooner.after)}, and no later"
        hint = f"make it shorter than the timeout of {sooner.name}, or remove it"
        yield ground.warning("dead-timeout", path, message, hint)


def _sooner(one: End | None, other: End | None) -> End | None:
    return min((end for end in (one, other) if end is not None), key=lambda end: end.after, default=None)


def done_within(node: Planned) -> int | None:
    """After how long, in ms, what a step does is certain to be over by itself, whatever its own timeout; None: nobody knows.

    Only what takes a single timer counts, set when the step begins. What never begins is over at once.
    """
    if not node.inner:
        return node.step.duration
    longest = 0
    for inner in filter(begins, taken(node)):
        over = _over_within(inner)
        if over is None or inner.after or inner.pool is not None:
            return None
        longest = max(longest, over)
    return longest


def _over_within(node: Planned) -> int | None:
    """The same, with its timeout: not of a function, whose handler has time to end, nor of what a person may be asked about."""
    if node.step.type == "function" or node.step.on_error == "human-review":
        return None
    times = [time for time in (node.step.timeout, done_within(node)) if time is not None]
    return min(times, default=None)


# --- what does not fit


def wait_never_fits(ground: Ground) -> Iterator[Finding]:
    """A wait that its own timeout, or one around it, always ends before its time."""
    for node in ground.living:
        end = too_short(ground, node)
        if end is not None:
            who = "its timeout comes" if end.name == node.id else f"{end.name} ends"
            message = f"this wait is never over: {who} after {spoken(end.after)}, and no later"
            hint = "shorten the wait, or allow more time"
            yield ground.warning("wait-never-fits", (*node.path, "duration"), message, hint)


def too_short(ground: Ground, node: Planned) -> End | None:
    """What ends a wait before its time, if that is certain."""
    duration, timeout = node.step.duration, node.step.timeout
    own = None if timeout is None else End(timeout, node.id)
    end = _sooner(own, ground.around[node.number])
    return end if duration is not None and end is not None and end.after <= duration else None


def retry_never_fits(ground: Ground) -> Iterator[Finding]:
    """Attempts of which the last cannot begin before a timeout around the step. The default policy is told of once a timeout."""
    told: set[End] = set()
    for node in ground.living:
        own, around = node.step.retry_policy, ground.around[node.number]
        policy = policy_of(ground.workflow, node)
        if policy is None or around is None or policy.max_attempts == 1 or (own is None and around in told):
            continue
        waited = least(delay_of(policy), policy.max_attempts - 1)
        if waited < around.after:
            continue
        message = f"attempt {policy.max_attempts} of {node.id} does not fit: the waits before it take "
        message += f"{spoken(waited)}, and {around.name} ends after {spoken(around.after)}"
        hint = "shorten the delays, allow fewer attempts, or allow more time"
        if own is None:
            told.add(around)
        path = DEFAULT_POLICY if own is None else (*node.path, "retryPolicy")
        yield ground.warning("retry-never-fits", path, message, hint)


def policy_of(workflow: Workflow, node: Planned) -> RetryPolicy | None:
    """How a step is tried again."""
    if node.step.type != "function":
        return None
    return node.step.retry_policy or workflow.error_handling.default_retry_policy


# --- retries that never happen


def unused_retry(ground: Ground) -> Iterator[Finding]:
    """Words about further attempts where there is only one."""
    default = ground.workflow.error_handling.default_retry_policy
    if default is not None and default.max_attempts == 1:
        message, hint = f"this policy {NEVER_AGAIN}", "allow two attempts or more, or remove it"
        yield ground.warning("unused-retry", DEFAULT_POLICY, message, hint)
    for node in ground.living:
        if (told := _unused(node, default)) is not None:
            path, message, hint = told
            yield ground.warning("unused-retry", (*node.path, *path), message, hint)


def _unused(node: Planned, default: RetryPolicy | None) -> tuple[Path, str, str] | None:
    """What a step says of further attempts in vain. A policy of one attempt is of use where others have more."""
    policy, wanted = node.step.retry_policy, node.step.on_error == "retry"
    if policy is None:
        message = f"{node.id} is never tried again: it has no retryPolicy, and there is no default"
        return (("onError",), message, "add a retryPolicy") if wanted and default is None else None
    if policy.max_attempts > 1:
        return None
    more = "allow two attempts or more, or remove it"
    if default is None or default.max_attempts == 1:
        return ("retryPolicy",), f"this retry {NEVER_AGAIN}", more
    if wanted:
        return ("onError",), f"{node.id} is never tried again: its retryPolicy allows one attempt", more
    if policy.non_retryable:
        message = "these names say nothing: the first attempt is the only one"
        return ("retryPolicy", "nonRetryable"), message, "remove them"
    return None
