"""Which parts of a state go together: the rules that need no other state to be judged.

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
    """A key that does not go with the others of its state."""

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
