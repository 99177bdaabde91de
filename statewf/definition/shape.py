"""Which parts of a state, or of a step, go together: the rules that need no other state to be judged.

Below: nothing. Above: `model` refuses what Python built against them, `read` tells every breach of a file.
The words are those of the files (`onExit`), for both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import attrs

NOT_IN_FINAL = (
    *("on", "always", "timeout", "timeoutTransition", "retry"),
    *("invoke", "states", "initial", "parallel", "history", "onDone"),
)
NOT_IN_TERMINAL = (*NOT_IN_FINAL, "onExit", "final")
IN_HISTORY = ("history", "initial", "description")
_PAIRS = (
    ("timeout", "timeoutTransition", "incomplete-timeout", "name the state to go to when the time is up"),
    ("timeoutTransition", "timeout", "incomplete-timeout", "say after how long, as in timeout: 30s"),
    ("states", "initial", "incomplete-compound", "name the inner state that is entered first"),
    ("initial", "states", "incomplete-compound", "only a state with inner states has one that is entered first"),
    ("parallel", "states", "incomplete-compound", "list the states that are active side by side"),
    ("onDone", "states", "incomplete-compound", "only a state with inner states is finished by one of them"),
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
        hint = "a terminal state is never left; remove {}, or terminal: true"
        yield from _conflicts("terminal", (key for key in NOT_IN_TERMINAL if key in has), hint)
        return
    if "outcome" in has:
        hint = "add terminal: true, or remove outcome"
        yield Misfit("outcome-without-terminal", "outcome", "only a terminal state has an outcome", hint)
    if "history" in has:
        hint = "a history only says where to go, and nobody is ever in it; remove {}, or history"
        yield from _conflicts("history", sorted(set(has).difference(IN_HISTORY)), hint)
        return
    if "final" in has:
        hint = "a final state only finishes the one around it; remove {}, or final: true"
        yield from _conflicts("final", (key for key in NOT_IN_FINAL if key in has), hint)
        return
    yield from _compound_misfits(has)


def _conflicts(kind: str, keys: Iterable[str], hint: str) -> Iterator[Misfit]:
    """The keys that a state of that kind cannot have."""
    for key in keys:
        yield Misfit(f"{kind}-conflict", key, f"a {kind} state cannot have {key}", hint.format(key))


def _compound_misfits(has: Collection[str]) -> Iterator[Misfit]:
    """What is wrong with a state that one can be in, and be led on from."""
    for key, other, code, hint in _PAIRS:
        if key in has and other not in has and not (key == "states" and "parallel" in has):
            yield Misfit(code, key, f"{key} needs {other} beside it", hint)
    if "parallel" in has and "initial" in has:
        hint = "all of its states are entered; remove initial, or parallel: true"
        yield Misfit("parallel-conflict", "initial", "a parallel state cannot have initial", hint)
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
