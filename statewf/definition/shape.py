"""Which parts of a state, or of a step, go together: the rules that need no other state to be judged.

Below: nothing. Above: `model` refuses what Python built against them, `read` tells every breach of a file.
The words are those of the files (`onExit`), for both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import attrs

NOT_IN_TERMINAL = (
    *("on", "always", "timeout", "timeoutTransition", "retry"),
    *("invoke", "states", "initial", "onExit"),
)
_PAIRS = (
    ("timeout", "timeoutTransition", "incomplete-timeout", "name the state to go to when the time is up"),
    ("timeoutTransition", "timeout", "incomplete-timeout", "say after how long, as in timeout: 30s"),
    ("states", "initial", "incomplete-compound", "name the inner state that is entered first"),
    ("initial", "states", "incomplete-compound", "only a state with inner states has one that is entered first"),
)


@attrs.frozen
class Misfit:
    """A key that does not go with the others of its state or step."""

    code: str
    key: str
    message: str
    hint: str


def said(value: object) -> bool:
    """Whether a value says anything: null, false and what is empty say as much as a key that is left out."""
    return not (value is None or value is False or (isinstance(value, dict | list | tuple) and not value))


def misfits(has: Collection[str]) -> Iterator[Misfit]:
    """What is wrong with a state in which these keys say something."""
    if "terminal" in has:
        for key in NOT_IN_TERMINAL:
            if key in has:
                hint = f"a terminal state is never left; remove {key}, or terminal: true"
                yield Misfit("terminal-conflict", key, f"a terminal state cannot have {key}", hint)
        return
    if "outcome" in has:
        hint = "add terminal: true, or remove outcome"
        yield Misfit("outcome-without-terminal", "outcome", "only a terminal state has an outcome", hint)
    for key, other, code, hint in _PAIRS:
        if key in has and other not in has:
            yield Misfit(code, key, f"{key} needs {other} beside it", hint)
    if "states" in has and "retry" in has:
        hint = "put it on the inner state that is to be entered again"
        yield Misfit("retry-on-compound", "retry", "a state with inner states cannot have retry", hint)


_ANY_STEP = (
    *("id", "name", "type", "description", "when", "required", "dependsOn", "timeout"),
    *("onError", "review", "compensation"),
)
STEP_KEYS: dict[str, tuple[str, ...]] = {
    "function": ("handler", "params", "retryPolicy"),
    "parallel": ("steps", "strategy", "maxConcurrency"),
    "condition": ("condition", "then", "else"),
    "human-task": ("assignTo", "details", "escalationPolicy", "onReject"),
    "wait": ("duration",),
    "event": ("event", "match"),
}
STEP_FITTING = {kind: (*_ANY_STEP, *keys) for kind, keys in STEP_KEYS.items()}
STEP_NEEDS: dict[str, tuple[tuple[str, str], ...]] = {
    "parallel": (("steps", "list the steps that run at once"),),
    "condition": (
        ("condition", "say what decides, as in condition: inputs.total > 100"),
        ("then", "say which step is taken when it holds"),
    ),
    "wait": (("duration", "say how long, as in duration: 30s"),),
    "event": (("event", "name the event it waits for, as in event: ORDER_PAID"),),
}


def step_misfits(kind: str, has: Collection[str], on_error: object) -> Iterator[Misfit]:
    """What is wrong with a step of that type in which these keys say something."""
    step = f"{'an' if kind == 'event' else 'a'} {kind} step"
    for key in sorted(set(has).difference(STEP_FITTING[kind])):
        owner = next((other for other, keys in STEP_KEYS.items() if key in keys), None)
        if key == "retryPolicy":
            message = f"{step} makes no attempts that could be repeated"
            yield Misfit("no-attempts", key, message, "only function steps have a retryPolicy")
        elif owner is not None:
            hint = f"it belongs to type: {owner}"
            yield Misfit("step-conflict", key, f"{step} cannot have {key}", hint)
    for key, hint in STEP_NEEDS.get(kind, ()):
        if key not in has:
            yield Misfit("missing-key", key, f"{step} needs {key}", hint)
    if on_error == "retry" and kind != "function":
        message = f"{step} makes no attempts that could be repeated"
        yield Misfit("no-attempts", "onError", message, "only function steps are retried")
    if "review" in has and on_error != "human-review":
        hint = "write onError: human-review, or remove review"
        yield Misfit("review-without-human", "review", "nobody is asked for a review", hint)


NOWHERE = Misfit(
    "empty-transition",
    "always",
    "neither a target nor actions: this would do nothing, again and again",
    "name a target, or remove it",
)
DEAF = Misfit(
    "empty-list",
    "on",
    "an empty list: no transition is ever taken",
    "{} accepts the event and does nothing; without the key the event is rejected",
)
