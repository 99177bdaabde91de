"""What a run of a workflow looks like: on a terminal a picture that is drawn again and again, else lines.

`Steps` knows how far each step is, from history rows; `Lines` and `Screen` show it. Above: `flow`. Below:
`tables`, and `rich` for the screen, imported when there is one.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import click

from statewf.cli.asking import due_in, who
from statewf.cli.tables import clock, cut, lasting, state, width
from statewf.cli.tell import one_line
from statewf.definition.model import Step, Workflow
from statewf.machine.book import Book
from statewf.runtime.progress import SETTLED, progress
from statewf.values.duration import spoken

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Snapshot

WHOLE = "workflow"  # the region over all steps
ASKING = ("assigned", "escalated", "review")
MOST_LINES = 200  # of the picture that is left standing
MARGIN = 4  # lines of a terminal that the steps do not get
LONGEST_NAME = 32  # characters of the column of steps
BAR = 20  # characters of the bar

MARKS = {
    "waiting": "·",
    "running": "▸",
    "backoff": "↻",
    "review": "?",
    "assigned": "?",
    "escalated": "?",
    "succeeded": "✓",
    "failed": "✗",
    "skipped": "-",
    "cancelling": "⊘",
    "cancelled": "⊘",
    "compensating": "↩",
    "compensated": "↩",
    "compensation-failed": "!",
}
PLAIN = dict(zip("·▸↻✓✗⊘↩━─…", ".>~+x/<#-~", strict=True))  # for a terminal that has only ASCII
STYLES = {
    "waiting": "dim",
    "skipped": "dim",
    "cancelled": "dim",
    "running": "bold cyan",
    "succeeded": "green",
    "failed": "bold red",
    "compensation-failed": "bold red",
}
OTHERWISE = "yellow"


@attrs.define
class Seen:
    """How far one step is: its state, and since when it works, or how long it took (ms)."""

    id: str
    depth: int
    state: str = "waiting"
    attempt: int = 1
    since: int | None = None
    until: int | None = None
    why: str = ""  # the attempt before this one failed

    def move(self, row: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        """Take notice of a change of the step."""
        if change["from"] in ("waiting", "review") or self.since is None:
            self.since, self.until = (None if change["to"] in SETTLED else row["at"]), None
        if change["to"] in SETTLED and not self.state.startswith("compens"):
            self.until = row["at"]
        self.state, self.attempt = change["to"], change["attempt"]
        if self.state == "backoff":
            self.why = _error(row["data"]) if row["event"] == "$failed" else "no answer in time"

    def took(self, now: int) -> str:
        """How long it has been at work."""
        if self.since is None:
            return ""
        amount = max(0, (now if self.until is None else self.until) - self.since)
        return f"{amount / 1_000:.1f}s" if amount < 60_000 else spoken(amount)


def _error(data: Mapping[str, Any]) -> str:
    return one_line(f"{data['error']}: {data['message']}" if data["message"] else data["error"])


class Steps:
    """All steps of a workflow, in document order."""

    def __init__(self, machine: Machine) -> None:
        definition = machine.notes.definition
        assert isinstance(definition, Workflow), "only a workflow has steps"
        self._machine = machine
        self.seen = {step.id: Seen(step.id, depth) for step, depth in _nested(definition)}
        self.state = ""
        self.seq = 0
        self.wide = min(LONGEST_NAME, max(2 * seen.depth + len(seen.id) for seen in self.seen.values()))

    def follow(self, row: Mapping[str, Any]) -> list[str]:
        """Take notice of a row; the steps that it moved, each once. One that is known already moves none."""
        if row["seq"] <= self.seq:
            return []
        self.seq = row["seq"]
        moved: dict[str, None] = {}
        for change in row["changes"]:
            if change["region"] == WHOLE:
                self.state = change["to"]
            else:
                self.seen[change["region"]].move(row, change)
            moved[change["region"]] = None
        return list(moved)

    def note(self, step: str, snapshot: Snapshot) -> str:
        """What else there is to say of a step."""
        seen, book, deadlines = self.seen[step], snapshot.book, snapshot.flight.deadlines
        if seen.state in ASKING and step in book.tasks:
            task = book.tasks[step]
            due = f", due {due_in(task.due_at, _now())}" if task.due_at is not None else ""
            return f"for {who(task.assigned_to)}{due}"
        if seen.state == "backoff":
            return seen.why
        if seen.state == "running" and seen.attempt > 1:
            return f"after {seen.why}" if seen.why else ""
        if seen.state == "running" and (step, "$elapsed") in deadlines:
            return f"until {clock(deadlines[step, '$elapsed'])}"
        return what_failed(book, step) if seen.state in ("failed", "compensation-failed") else ""

    def progress(self, snapshot: Snapshot) -> tuple[int, int, float]:
        """How many of the outermost steps succeeded, of how many, and the share of those that are settled."""
        told: Mapping[str, Any] = progress(self._machine, snapshot)
        return len(told["completedSteps"]), told["totalSteps"], told["progress"]


def _indented(seen: Seen) -> str:
    return "  " * seen.depth + one_line(seen.id)


def _nested(definition: Workflow) -> Iterator[tuple[Step, int]]:
    waiting = [(step, 0) for step in reversed(definition.steps)]
    while waiting:
        step, depth = waiting.pop()
        yield step, depth
        waiting += [(inner, depth + 1) for _, inner in reversed(list(step.inner()))]


def what_failed(book: Book, step: str) -> str:
    """Why a step, or the whole, failed."""
    if step in book.errors:
        return _error(book.errors[step])
    undone = next((record for record in book.undone.values() if record["step"] == step and "error" in record), None)
    return "" if undone is None else one_line(f"{undone['action']}: {undone['error']}")


def _now() -> int:
    return time.time_ns() // 1_000_000


# --- showing


class View(Protocol):
    """How a run is shown. `start` and `stop` are before and after a while in which it may be drawn anew."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def show(self, row: Mapping[str, Any], snapshot: Snapshot) -> None: ...

    def draw(self, snapshot: Snapshot) -> None: ...


class Nothing:
    """Shows nothing: what is to be read is one document at the end."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def show(self, row: Mapping[str, Any], snapshot: Snapshot) -> None: ...

    def draw(self, snapshot: Snapshot) -> None: ...


class Lines(Nothing):
    """A line for each step that settles, is tried again, or waits for a person."""

    TOLD = (*SETTLED, *ASKING)

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def show(self, row: Mapping[str, Any], snapshot: Snapshot) -> None:
        for step in self._steps.follow(row):
            if step == WHOLE:
                if self._steps.state != "running" and not (snapshot.ended and snapshot.seq == row["seq"]):
                    self._line(row["at"], step, self._steps.state, what_failed(snapshot.book, WHOLE))
                continue
            seen = self._steps.seen[step]
            if seen.state in self.TOLD or (seen.state == "running" and seen.attempt > 1):
                took = seen.took(row["at"]) if seen.state in SETTLED else ""
                note = self._steps.note(step, snapshot)
                self._line(row["at"], step, state(seen.state, seen.attempt), took, note)

    def _line(self, at: int, step: str, where: str, *notes: str) -> None:
        lead = f"{clock(at)}  "
        told = "  ".join(note for note in notes if note)
        line = f"{step:<{self._steps.wide}}  {where}{f'  {told}' if told else ''}"
        click.echo(click.style(lead, dim=True) + cut(line, width() - len(lead)))


class Screen:
    """The picture on a terminal. `draw` draws it anew where it stands; `stop` leaves it there.

    `left` says how many ms it still takes from a snapshot on; None: nobody can tell.
    """

    def __init__(self, steps: Steps, instance: str, left: Callable[[Snapshot], int | None]) -> None:
        from rich.console import Console

        plain = {"color_system": None} if os.environ.get("NO_COLOR") else {}
        self._console = Console(highlight=False, **plain)  # type: ignore[arg-type]  # the one option has that type
        self._steps = steps
        self._instance = instance
        self._live: Live | None = None
        self._snapshot: Snapshot | None = None
        self._left = left
        self._estimated: tuple[int, int | None] = (-1, None)  # at which step, and what
        self._ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"

    def start(self) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="visible")
            self._live.start()

    def stop(self) -> None:
        if self._live is not None:
            if self._snapshot is not None:
                self._live.update(self._frame(self._snapshot, MOST_LINES), refresh=True)
            self._live.stop()
            self._live = None

    def show(self, row: Mapping[str, Any], snapshot: Snapshot) -> None:
        self._steps.follow(row)
        self._snapshot = snapshot

    def draw(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        if self._live is not None:
            self._live.update(self._frame(snapshot, max(5, self._console.height - MARGIN)), refresh=True)

    def _frame(self, snapshot: Snapshot, most: int) -> RenderableType:
        from rich.console import Group

        now = _now()
        chosen = self._chosen(most)
        where = {seen.id: state(seen.state, seen.attempt) for seen in chosen}
        took = {seen.id: seen.took(now) for seen in chosen}
        states, times = (max(len(text) for text in texts.values()) for texts in (where, took))
        drawn = [
            self._line(
                f"{MARKS.get(seen.state, '?')} {cut(_indented(seen), self._steps.wide):<{self._steps.wide}}"
                f"  {where[seen.id]:<{states}}  {took[seen.id]:>{times}}  {self._steps.note(seen.id, snapshot)}",
                STYLES.get(seen.state, OTHERWISE),
            )
            for seen in chosen
        ]
        left_out = len(self._steps.seen) - len(chosen)
        more = [self._line(f"… {left_out:,} more steps", "dim")] if left_out else []
        return Group(*drawn, *more, self._line(self._bar(snapshot), ""))

    def _line(self, text: str, style: str) -> Text:
        """A line that is cut where the terminal ends."""
        from rich.cells import cell_len, set_cell_size
        from rich.text import Text

        said, room = self._said(text.rstrip()), self._console.width
        if cell_len(said) > room:
            said = set_cell_size(said, room - 1) + self._said("…")
        return Text(said, style=style, no_wrap=True, overflow="ignore")

    def _chosen(self, most: int) -> list[Seen]:
        """The steps that are shown where there is no room for all: what happens now, what failed, what settled last."""
        everything = list(self._steps.seen.values())
        if len(everything) <= most:
            return everything

        def weight(at: int) -> tuple[int, int]:
            seen = everything[at]
            if seen.state in ("waiting", "skipped"):
                return 3, at
            if seen.state in ("failed", "compensation-failed"):
                return 1, at
            return (0, at) if seen.until is None else (2, -seen.until)

        return [everything[at] for at in sorted(sorted(range(len(everything)), key=weight)[:most])]

    def _bar(self, snapshot: Snapshot) -> str:
        completed, total, share = self._steps.progress(snapshot)
        full = int(share * BAR)
        bar = "━" * full + "─" * (BAR - full)
        told = [f"{completed} of {total} steps", *self._time_left(snapshot), self._instance, self._steps.state]
        return f"{bar} {int(share * 100):>3}%  {'  '.join(told)}"

    def _time_left(self, snapshot: Snapshot) -> list[str]:
        """How long it still takes, as it was estimated after its last step."""
        if snapshot.ended:
            return []
        if self._estimated[0] != snapshot.seq:
            self._estimated = snapshot.seq, self._left(snapshot)
        _, left = self._estimated
        if left is None:
            return ["time left unknown"]
        seconds = -(-max(0, left + snapshot.at - _now()) // 1_000)  # a second that has begun counts
        return [f"{lasting(seconds * 1_000)} left"]

    def _said(self, text: str) -> str:
        if not self._ascii:
            return text
        return "".join(PLAIN.get(c, c) for c in text).encode("ascii", "backslashreplace").decode()


def draws() -> bool:
    """Whether standard output is a terminal that can draw."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
