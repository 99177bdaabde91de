"""The words of a picture: what triggers, delays and actions are called in it, and how long text folds.

Below: `definition.model` and `machine.fsm`, whose actions have the same names here. Above: `views`, which
puts words on nodes and edges, and the renderers, which fold them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

import attrs

from statewf.definition import model
from statewf.expr import Expression
from statewf.machine import fsm
from statewf.machine.naming import base
from statewf.values.duration import spoken

WIDTH = 34  # characters in a row of text: labels are hardly ever wider
SLACK = 12  # more, if that keeps a long word such as `results["verify-identity"].verified` in one piece
ROWS = 6  # of one part of a label; who wants to read more reads the definition
_WORD = re.compile(r"[^.\-_ ]+[.\-_ ]*|[.\-_ ]+")

Action = model.Action | fsm.Assign | fsm.Tell | fsm.Do


def trigger_text(trigger: str, state: str, waits: Mapping[str, str]) -> str:
    """What people call a trigger: `PAY`, `after 30s`, `done`, and `done in payment` where `state` is another."""
    if not trigger.startswith("$"):
        return trigger or "always"
    kind, _, owner = trigger.partition(":")
    where = f" in {owner}" if owner not in ("", state, base(state)) else ""
    match f"{kind}:":
        case fsm.TIMEOUT | fsm.RETRY:
            return f"after {waits.get(trigger, 'some time')}{where}"
        case fsm.RAISE:
            return f"{owner} after {waits.get(trigger, 'some time')}"
        case _:
            return f"{kind.removeprefix('$')}{where}"


def waits(transitions: Iterable[fsm.Transition]) -> dict[str, str]:
    """How long each timer waits that one of these sets."""
    return {
        op.timer: wait_text(op.delay, transition.below or 2)
        for transition in transitions
        for op in transition.entry
        if isinstance(op, fsm.Arm)
    }


def wait_text(delay: fsm.Delay, attempts: int) -> str:
    """The delays between so many attempts: `30s`, or `1s, 2s, 4s … 30s`, or with jitter `up to 1s, 2s`."""
    plain = attrs.evolve(delay, jitter=False)
    last = max(attempts - 1, 1)
    amounts = dict.fromkeys(plain.after(attempt, "") for attempt in range(1, min(last, 4) + 1))
    words = [spoken(amount) for amount in amounts]
    text = ", ".join(words[:3])
    if len(words) > 3:
        text += f" … {spoken(plain.after(last, ''))}"
    return f"up to {text}" if delay.jitter else text


def action_text(action: Action) -> str:
    """One action: the handler it calls, the event it emits, or what it sets."""
    match action:
        case model.Function() | fsm.Do():
            return action.handler
        case model.Emit() | fsm.Tell():
            return f"emit {action.event}"
        case model.Raise():
            return f"raise {action.event}"
        case model.Assign():
            return _assigned(action.set.items())
        case fsm.Assign():
            return _assigned(action.values)
        case _:
            assert_never(action)


def _assigned(pairs: Iterable[tuple[str, Expression]]) -> str:
    return ", ".join(f"{name} = {value.text}" for name, value in pairs)


def done_when(word: str, actions: Sequence[Action]) -> tuple[str, ...]:
    """The line of a state's box that tells its `entry` or `exit` actions, if there are any."""
    return (f"{word} / {', '.join(map(action_text, actions))}",) if actions else ()


def fold(parts: Iterable[str], width: int = WIDTH) -> list[str]:
    """The parts of a label in one row if that is short, else each in rows of its own."""
    shown = [visible(part) for part in parts]
    whole = " ".join(shown)
    return [whole] if len(whole) <= width else [row for part in shown for row in _rows(part, width)]


def fold_name(name: str, width: int = WIDTH) -> list[str]:
    """A name in rows that break where its words do: after a dot, a hyphen, a space or an underscore."""
    rows = [""]
    for word in _WORD.findall(visible(name)):
        if rows[-1] and len(rows[-1]) + len(word) > width:
            rows.append("")
        rows[-1] += word
    return [piece for row in rows for piece in textwrap.wrap(row, width, break_on_hyphens=False)]


def _rows(part: str, width: int) -> list[str]:
    longest = max(map(len, part.split()), default=0)
    if longest <= width + SLACK:
        width = max(width, longest)
    rows = textwrap.wrap(part, width, subsequent_indent="  ", break_on_hyphens=False)
    return rows if len(rows) <= ROWS else [*rows[: ROWS - 1], f"{rows[ROWS - 1][: width - 2]} …"]


def visible(text: str) -> str:
    """The text with what cannot be seen, or would break an XML document, written as an escape."""
    return "".join(char if char.isprintable() else " " if char in "\n\r\t" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
