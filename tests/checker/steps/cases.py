"""For every rule about steps, workflows that break it alone, and beside each a near miss in which nothing is wrong."""

from __future__ import annotations

import attrs


@attrs.frozen
class Case:
    """`broken` breaks `rule` at `where` and no other; `mended` breaks none. Both are texts."""

    name: str
    rule: str
    where: str
    broken: str
    mended: str


def steps(*listed: str, **around: str) -> str:
    """A workflow of these steps."""
    return "".join(f"{key}: {value}\n" for key, value in around.items()) + f"steps: [{', '.join(listed)}]"


def step(name: str, *keys: str) -> str:
    """One step, with its keys as they are written."""
    return f"{{{', '.join((f'id: {name}', *keys))}}}"


def human(*keys: str, name: str = "h") -> str:
    return step(name, "type: human-task", *keys)


def event(*keys: str) -> str:
    return step("e", "type: event, event: GO", *keys)


def wait(duration: str, *keys: str, name: str = "w") -> str:
    return step(name, f"type: wait, duration: {duration}", *keys)


def block(*listed: str, keys: str = "strategy: all") -> str:
    return step("p", "type: parallel", keys, f"steps: [{', '.join(listed)}]")


def choice(condition: str, *keys: str) -> str:
    return step("c", f"type: condition, condition: '{condition}'", *keys)


CALL = step("f")
REVIEWED = "onError: human-review"
UNDO = "compensation: {steps: [{action: undo}]}"
THEN, ELSE = "then: {id: t}", "else: {id: o}"


def tries(attempts: int, more: str = "") -> str:
    return f"{{maxAttempts: {attempts}{more and f', {more}'}}}"


def errors(*keys: str) -> dict[str, str]:
    return {"errorHandling": f"{{{', '.join(keys)}}}"}


WAITS = (
    Case("a question", "waits-forever", "$.steps[0]", steps(human()), steps(human("timeout: 1d"))),
    Case("an event", "waits-forever", "$.steps[0]", steps(event()), steps(event(), timeout="1d")),
    Case(
        "the block around has a timeout",
        "waits-forever",
        "$.steps[0].steps[0]",
        steps(block(event())),
        steps(block(event(), keys="timeout: 1h")),
    ),
    Case(
        "a race with a clock",
        "waits-forever",
        "$.steps[0].steps[0]",
        steps(block(human(), wait("1d"))),
        steps(block(human(), wait("1d"), keys="strategy: first")),
    ),
    Case(
        "a block in a race with a call",
        "waits-forever",
        "$.steps[0].steps[0].then",
        steps(block(choice("inputs.x", f"then: {human()}"), CALL)),
        steps(block(choice("inputs.x", f"then: {human()}"), CALL, keys="strategy: any")),
    ),
    Case(
        "a review",
        "waits-forever",
        "$.steps[0].onError",
        steps(step("f", REVIEWED)),
        steps(step("f", REVIEWED, "review: {timeout: 1d}")),
    ),
    Case(
        "a review is not bounded by the timeout of its step",
        "waits-forever",
        "$.steps[0].onError",
        steps(event("timeout: 1h", REVIEWED)),
        steps(event("timeout: 1h", REVIEWED), timeout="1d"),
    ),
    Case(
        "a review of what may fail",
        "waits-forever",
        "$.steps[0].onError",
        steps(human("timeout: 1d", REVIEWED)),
        steps(wait("1d", REVIEWED)),
    ),
    Case(
        "a review of a block that fails by a branch",
        "waits-forever",
        "$.steps[0].onError",
        steps(block(CALL, keys=REVIEWED)),
        steps(block(step("f", "required: false"), keys=REVIEWED)),
    ),
    Case(
        "a review of a block that fails, and does not take the whole with it",
        "waits-forever",
        "$.steps[0].onError",
        steps(block(CALL, keys=REVIEWED)),
        steps(block(step("f", "onError: rollback"), keys=REVIEWED)),
    ),
    Case(
        "a review of a race that is decided before what may fail",
        "waits-forever",
        "$.steps[0].onError",
        steps(block(wait("1s"), CALL, keys=f"{REVIEWED}, strategy: first")),
        steps(block(wait("1s"), CALL, keys=f"{REVIEWED}, strategy: first, maxConcurrency: 1")),
    ),
    Case(
        "a review of a block that fails if two do",
        "waits-forever",
        "$.steps[0].onError",
        steps(block(CALL, step("g"), wait("1s"), keys=f"{REVIEWED}, strategy: {{quorum: 2}}")),
        steps(block(CALL, wait("2s", name="v"), wait("1s"), keys=f"{REVIEWED}, strategy: {{quorum: 2}}")),
    ),
)

NEVER = (
    Case(
        "it is always skipped",
        "dead-step",
        "$.steps[0].when",
        steps(step("a", "when: 'false'")),
        steps(step("a", "when: 'true'")),
    ),
    Case(
        "what lies within it is not told again",
        "dead-step",
        "$.steps[0].when",
        steps(block(human(), step("b", "when: 1 > 2"), wait("1h", "timeout: 1h"), keys="when: 1 > 2")),
        steps(block(human(), keys="when: 1 < 2, timeout: 1h")),
    ),
    Case(
        "the branch that is not taken",
        "dead-step",
        "$.steps[0].condition",
        steps(choice("1 < 2", THEN, ELSE)),
        steps(choice("1 < 2", THEN)),
    ),
    Case(
        "the branch that is not taken, with a condition of its own",
        "dead-step",
        "$.steps[0].condition",
        steps(choice("false", "then: {id: t, when: 'false'}", ELSE)),
        steps(choice("inputs.x", "then: {id: t, when: inputs.y}", ELSE)),
    ),
    Case(
        "a condition without an answer",
        "dead-step",
        "$.steps[0].condition",
        steps(choice("1 % 0", THEN, ELSE)),
        steps(choice("1 % inputs.n", THEN, ELSE)),
    ),
    Case(
        "somebody may have it begin all the same",
        "dead-step",
        "$.steps[0].when",
        steps(block(CALL, keys=f"when: 1 % 0, {REVIEWED}")),
        steps(step("f", f"when: 1 % 0, {REVIEWED}")),
    ),
    Case(
        "it waits for what decides a race",
        "dead-step",
        "$.steps[0].steps[1].dependsOn",
        steps(block(CALL, step("g", "dependsOn: [f]"), step("h", "dependsOn: [g]"), keys="strategy: first")),
        steps(block(CALL, step("g", "dependsOn: [f]"), step("h", "dependsOn: [g]"), keys="strategy: {quorum: 2}")),
    ),
    Case(
        "it waits for what may be skipped with its branch",
        "dead-step",
        "$.steps[0].steps[1].dependsOn",
        steps(block(CALL, step("g", "dependsOn: [f]"), keys="strategy: first")),
        steps(block(choice("inputs.x", THEN), step("g", "dependsOn: [c]"), keys="strategy: first")),
    ),
    Case(
        "it waits for what may fail in a race for a success",
        "dead-step",
        "$.steps[0].steps[1].dependsOn",
        steps(block(CALL, step("g", "dependsOn: [f]"), keys="strategy: any")),
        steps(block(step("f", "required: false"), step("g", "dependsOn: [f]"), keys="strategy: any")),
    ),
    Case(
        "it waits for what may be skipped",
        "dead-step",
        "$.steps[0].steps[1].dependsOn",
        steps(block(CALL, step("g", "dependsOn: [f]"), keys="strategy: {quorum: 1}")),
        steps(block(step("f", "when: inputs.x"), step("g", "dependsOn: [f]"), keys="strategy: {quorum: 1}")),
    ),
    Case(
        "a match that never holds",
        "shadowed-guard",
        "$.steps[0].match",
        steps(event("timeout: 1h, match: 1 > 2")),
        steps(event("timeout: 1h, match: event.data.n > 2")),
    ),
)

TIMEOUTS = (
    Case(
        "the block is over at the same time",
        "dead-timeout",
        "$.steps[0].steps[0].timeout",
        steps(block(step("f", "timeout: 1h"), keys="timeout: 1h")),
        steps(block(step("f", "timeout: 3599999"), keys="timeout: 1h")),
    ),
    Case(
        "the workflow is over before",
        "dead-timeout",
        "$.steps[1].timeout",
        steps(CALL, step("g", "timeout: 2h"), timeout="1h"),
        steps(CALL, step("g", "timeout: 2h"), timeout="3h"),
    ),
    Case(
        "a block within a block",
        "dead-timeout",
        "$.steps[0].then.timeout",
        steps(choice("inputs.x", f"then: {block(CALL, keys='timeout: 2h')}", "timeout: 1h")),
        steps(choice("inputs.x", f"then: {block(CALL, keys=f'timeout: 1h, {REVIEWED}')}", "timeout: 2h")),
    ),
    Case(
        "the wait is over before",
        "dead-timeout",
        "$.steps[0].timeout",
        steps(wait("1h", "timeout: 3600001")),
        steps(wait("1h")),
    ),
    Case(
        "all within it is over before",
        "dead-timeout",
        "$.steps[0].timeout",
        steps(block(wait("1h"), human("timeout: 2h"), keys="timeout: 3h")),
        steps(block(wait("1h"), wait("2h", "dependsOn: [w]", name="v"), keys="timeout: 4h")),
    ),
    Case(
        "a handler has time to end",
        "dead-timeout",
        "$.steps[0].timeout",
        steps(choice("inputs.x", f"then: {wait('1h')}", "timeout: 2h")),
        steps(choice("inputs.x", f"then: {step('f', 'timeout: 1h')}", "timeout: 2h")),
    ),
    Case(
        "one may be asked",
        "dead-timeout",
        "$.steps[0].timeout",
        steps(block(human("timeout: 1h"), keys="timeout: 2h")),
        steps(block(human("timeout: 1h", REVIEWED), keys="timeout: 2h")),
    ),
    Case(
        "one has to wait for a place",
        "dead-timeout",
        "$.steps[0].timeout",
        steps(block(wait("1h"), wait("1h", name="v"), keys="timeout: 2h")),
        steps(block(wait("1h"), wait("1h", name="v"), keys="timeout: 2h, maxConcurrency: 1")),
    ),
    Case(
        "the task is over before it is escalated",
        "dead-timeout",
        "$.steps[0].escalationPolicy.timeout",
        steps(human("timeout: 1h, escalationPolicy: {timeout: 1h, escalateTo: boss}")),
        steps(human("timeout: 1h, escalationPolicy: {timeout: 3599999, escalateTo: boss}")),
    ),
    Case(
        "the block is over before it is escalated",
        "dead-timeout",
        "$.steps[0].steps[0].escalationPolicy.timeout",
        steps(block(human("escalationPolicy: {timeout: 2h, escalateTo: boss}"), keys="timeout: 1h")),
        steps(block(human("escalationPolicy: {timeout: 2h, escalateTo: boss}"), keys="timeout: 3h")),
    ),
    Case(
        "a review is bounded by the block around, not by its step",
        "dead-timeout",
        "$.steps[0].steps[0].review.timeout",
        steps(block(step("f", REVIEWED, "review: {timeout: 1h}"), keys="timeout: 1h")),
        steps(block(step("f", REVIEWED, "review: {timeout: 1h}, timeout: 1h"), keys="timeout: 2h")),
    ),
)

FITS = (
    Case(
        "its own timeout comes at the same time",
        "wait-never-fits",
        "$.steps[0].duration",
        steps(wait("1h", "timeout: 1h")),
        steps(wait("1h"), timeout="3600001"),
    ),
    Case(
        "the block is over before",
        "wait-never-fits",
        "$.steps[0].steps[0].duration",
        steps(block(wait("2h"), keys="timeout: 1h")),
        steps(block(wait("2h"), CALL, keys="timeout: 3h")),
    ),
    Case(
        "two waits of 10 and 20",
        "retry-never-fits",
        "$.steps[0].steps[0].retryPolicy",
        steps(block(step("f", f"retryPolicy: {tries(3, 'baseDelay: 10')}"), keys="timeout: 30")),
        steps(block(step("f", f"retryPolicy: {tries(3, 'baseDelay: 10')}"), keys="timeout: 31")),
    ),
    Case(
        "with full jitter a wait may take no time",
        "retry-never-fits",
        "$.steps[0].retryPolicy",
        steps(step("f", f"retryPolicy: {tries(2)}"), timeout="1s"),
        steps(step("f", f"retryPolicy: {tries(2, 'jitter: full')}"), timeout="1s"),
    ),
    Case(
        "the default policy, for whatever steps",
        "retry-never-fits",
        "$.errorHandling.defaultRetryPolicy",
        steps(CALL, step("g"), step("h"), timeout="1s", **errors(f"defaultRetryPolicy: {tries(2)}")),
        steps(wait("1ms"), timeout="1s", **errors(f"defaultRetryPolicy: {tries(2)}")),
    ),
    Case(
        "one attempt",
        "unused-retry",
        "$.steps[0].retryPolicy",
        steps(step("f", f"onError: retry, retryPolicy: {tries(1)}")),
        steps(step("f", f"onError: retry, retryPolicy: {tries(2)}")),
    ),
    Case(
        "one attempt, where others have no more",
        "unused-retry",
        "$.steps[0].retryPolicy",
        steps(step("f", f"retryPolicy: {tries(1)}"), CALL.replace("f", "g")),
        steps(step("f", f"retryPolicy: {tries(1)}"), **errors(f"defaultRetryPolicy: {tries(2)}")),
    ),
    Case(
        "a default of one attempt",
        "unused-retry",
        "$.errorHandling.defaultRetryPolicy",
        steps(step("f", "onError: retry"), **errors(f"defaultRetryPolicy: {tries(1)}")),
        steps(step("f", "onError: retry"), **errors(f"defaultRetryPolicy: {tries(2)}")),
    ),
    Case(
        "nothing to retry with",
        "unused-retry",
        "$.steps[0].onError",
        steps(step("f", "onError: retry")),
        steps(step("f", "onError: retry"), **errors(f"defaultRetryPolicy: {tries(2)}")),
    ),
    Case(
        "it says both",
        "unused-retry",
        "$.steps[0].onError",
        steps(step("f", f"onError: retry, retryPolicy: {tries(1)}"), **errors(f"defaultRetryPolicy: {tries(2)}")),
        steps(step("f", f"retryPolicy: {tries(1)}"), **errors(f"defaultRetryPolicy: {tries(2)}")),
    ),
    Case(
        "names of errors where there is one attempt",
        "unused-retry",
        "$.steps[0].retryPolicy.nonRetryable",
        steps(
            step("f", f"retryPolicy: {tries(1, 'nonRetryable: [Bad]')}"),
            **errors(f"defaultRetryPolicy: {tries(2)}"),
        ),
        steps(step("f", f"retryPolicy: {tries(2, 'nonRetryable: [Bad]')}")),
    ),
)

UNDOING = (
    Case(
        "nothing is undone",
        "compensation-never-runs",
        "$.errorHandling.compensationStrategy",
        steps(step("a", UNDO), step("b", UNDO), **errors("compensationStrategy: none")),
        steps(CALL, **errors("compensationStrategy: none")),
    ),
    Case(
        "the last one",
        "compensation-never-runs",
        "$.steps[1].compensation",
        steps(CALL, wait("1h", UNDO)),
        steps(wait("1h", UNDO), CALL),
    ),
    Case(
        "one of two last ones",
        "compensation-never-runs",
        "$.steps[1].compensation",
        steps(CALL, wait("1h", UNDO)),
        steps(CALL, wait("1h", UNDO, "dependsOn: []")),
    ),
    Case(
        "a function may succeed while it is cancelled",
        "compensation-never-runs",
        "$.steps[0].compensation",
        steps(block(CALL, keys=UNDO)),
        steps(step("f", UNDO)),
    ),
    Case(
        "a branch of the last one",
        "compensation-never-runs",
        "$.steps[0].then.compensation",
        steps(choice("inputs.x", f"then: {wait('1h', UNDO)}")),
        steps(block(wait("1h", UNDO), CALL)),
    ),
    Case(
        "a handler that is still ending",
        "compensation-never-runs",
        "$.steps[1].compensation",
        steps(block(wait("2h", name="v"), wait("1h"), keys="strategy: first"), human("timeout: 1d", UNDO)),
        steps(block(CALL, wait("1h"), keys="strategy: first"), human("timeout: 1d", UNDO)),
    ),
    Case(
        "one that rolls back is undone itself",
        "compensation-never-runs",
        "$.steps[0].compensation",
        steps(human("timeout: 1d", UNDO)),
        steps(human("timeout: 1d", UNDO, "onError: rollback")),
    ),
)

CASES = (*WAITS, *NEVER, *TIMEOUTS, *FITS, *UNDOING)
