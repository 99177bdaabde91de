"""How open tasks are told: who is asked what, by when, and what to type to answer.

Above: `people`, which lists and decides them, and all that tells of them: runs, `serve`, `show`.
"""

from __future__ import annotations

import difflib
import getpass
import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from statewf.cli.tables import SHORT, cut, shortly, width
from statewf.cli.tell import one_line
from statewf.definition.words import nearest
from statewf.errors import DataError, Diagnostic
from statewf.values.canonical import compact
from statewf.values.duration import spoken

if TYPE_CHECKING:
    from statewf.machine.effects import Task
    from statewf.machine.fsm import Machine
    from statewf.values.frozen import Json

WORDS = "approved, rejected or any other word"
MEANT = ("approved", "rejected", "retry")  # the words that mean something to a machine


def user() -> str | None:
    """The name under which somebody is logged in, if there is one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a process of a user without a name
        return None


def who(person: Json) -> str:
    """Whose task it is."""
    if person is None:
        return "anybody"
    return one_line(person if isinstance(person, str) else compact(person))


def due_in(at: int | None, now: int) -> str:
    """When something is due, in words."""
    if at is None:
        return ""
    left = at - now
    return f"in {spoken(_rounded(left))}" if left > 0 else f"{spoken(_rounded(-left))} ago"


def _rounded(amount: int) -> int:
    return amount if amount < 1_000 else round(amount / 1_000) * 1_000


def details(task: Task) -> str:
    """What a task is about, shortly."""
    return cut(one_line(", ".join(f"{name}: {shortly(value)}" for name, value in task.details.items())), SHORT)


def command(task: Task, where: str) -> str:
    """What to type to decide a task; where the terminal is too narrow, in two lines that a shell reads as one."""
    first = f"statewf complete {shlex.quote(task.id)}"
    rest = " ".join(["--decision approved", *([where] if where else [])])
    return f"{first} {rest}" if len(first) + len(rest) + 5 <= width() else f"{first} \\\n        {rest}"


def asked(tasks: Iterable[Task], where: str) -> Sequence[str]:
    """Who is to decide what, and how, as lines; `where` is what names the store or the server on the command line."""
    return [
        line
        for task in tasks
        for line in (f"{task.step} is for {who(task.assigned_to)} to decide:", f"    {command(task, where)}")
    ]


def slip(decision: str) -> str | None:
    """The word that was meant, if this one looks like a slip: what is decided stays so."""
    alike = difflib.get_close_matches(decision.lower(), MEANT, n=1, cutoff=0.75)
    return alike[0] if alike and decision not in MEANT else None


def decided(machine: Machine, given: Sequence[str]) -> dict[str, list[str]]:
    """What `--decide STEP=DECISION` says, by step. Raises DataError with every mistake."""
    asking = machine.asking()
    decisions: dict[str, list[str]] = {}
    mistakes: list[Diagnostic] = []
    for text in given:
        step, _, decision = text.partition("=")
        if not decision:
            mistakes.append(Diagnostic("bad-decision", f"{text} says no decision", hint=f"such as {step}=approved"))
        elif step not in asking:
            known = f"there are {', '.join(asking)}" if asking else f"{machine.name} asks nobody anything"
            alike = nearest(step, asking)
            hint = f"did you mean {alike}?" if alike else known
            mistakes.append(Diagnostic("unknown-step", f"no step {step} has tasks", hint=hint))
        elif meant := slip(decision):
            mistakes.append(
                Diagnostic("bad-decision", f"{decision} looks like a slip", hint=f"did you mean {meant}?")
            )
        else:
            decisions.setdefault(step, []).append(decision)
    if mistakes:
        raise DataError(mistakes, "--decide")
    return decisions
