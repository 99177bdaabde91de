"""Playing with a machine: moves as text, which stand in a link, and where they lead to in virtual time.

    send/PAY/{"sum":3}      an event, with its data
    answer/charge/{}        the result of an open call, by its handler
    fail/charge/Declined    the same call fails, with the name of an error
    decide/approve/approved a task, by its step
    wait/30000              time passes, ms; without a number: until the next timer
    cancel

A slash within a part is `%2F`. What a machine refuses changes nothing, and is told. Below: the simulator. Above: `play`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from statewf.errors import DataError, Diagnostic, EventRejected, InputError, StatewfError
from statewf.machine.effects import ACTION
from statewf.machine.events import Cancel, Decided, Event, Failed, Returned
from statewf.machine.fsm import Machine
from statewf.machine.record import row
from statewf.machine.snapshot import Rejected, Step, due
from statewf.machine.step import step
from statewf.simulator import Driver
from statewf.values.duration import milliseconds, spoken
from statewf.values.frozen import EMPTY
from statewf.web.console.typed import from_json
from statewf.web.console.words import changed

KINDS = ("send", "answer", "fail", "decide", "wait", "cancel")
LONGEST = 200  # moves of a game
MOST = 2_000  # steps of one
FEW = 4  # changes that are told of what may happen
ERROR = "Error"  # that a call fails with, if nobody says another one


@attrs.frozen
class Move:
    """What is done: of which kind, to whom or what, and with what: data as JSON text, an error, a decision."""

    kind: str
    name: str = ""
    more: str = ""

    @property
    def text(self) -> str:
        """As it stands in a link."""
        parts = [self.kind, self.name, self.more]
        while len(parts) > 1 and not parts[-1]:
            parts.pop()
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)

    @property
    def words(self) -> str:
        """For people."""
        match self.kind:
            case "send":
                return f"{self.name} {self.more}".strip()
            case "answer":
                return f"{self.name} answers {self.more}".strip()
            case "fail":
                return f"{self.name} fails"
            case "decide":
                return f"{self.name}: {self.more}"
            case "wait":
                return f"{spoken(int(self.name))} pass" if self.name else "until the next timer"
            case _:
                return self.kind


def read(text: str) -> Move:
    """A move as it stands in a link. Raises DataError."""
    kind, *rest = (part.replace("%2F", "/").replace("%25", "%") for part in text.split("/"))
    if kind not in KINDS or len(rest) > 2:
        raise _wrong(f"{text[:80]!r} is no move", f"moves are {', '.join(KINDS)}")
    if kind == "wait" and rest and rest[0]:
        try:
            rest = [str(milliseconds(int(rest[0]) if rest[0].isdecimal() else rest[0]))]
        except ValueError as error:
            raise _wrong(str(error), "such as wait/30000, or wait/30s") from None
    return Move(kind, *rest)


@attrs.frozen
class Turn:
    """A move that was made: where it led to, and when, or why it was refused."""

    move: Move
    state: str
    at: int
    refused: str | None


@attrs.frozen
class Choice:
    """A move that can be made; `leads` says where to, or why not, as far as that is known."""

    move: Move
    label: str
    leads: str = ""
    refused: bool = False


@attrs.frozen
class Game:
    """A machine after some moves. Virtual time begins at 0."""

    driver: Driver
    turns: tuple[Turn, ...]


def played(machine: Machine, inputs: object, moves: Sequence[Move]) -> Game:
    """Make these moves from the start. Raises DataError for inputs that are no JSON object, or too many moves."""
    if len(moves) > LONGEST:
        raise _wrong(f"a game has {LONGEST} moves at most", "begin a new one")
    driver = Driver(machine, inputs, instance=machine.name)
    turns = []
    for move in moves:
        refused = None
        try:
            _make(driver, move)
        except EventRejected as error:
            refused = str(error)
        except InputError as error:
            refused = "; ".join(one.message for one in error.diagnostics)
        except StatewfError as error:
            refused = str(error)
        turns.append(Turn(move, driver.state, driver.now, refused))
    return Game(driver, tuple(turns))


def _make(driver: Driver, move: Move) -> None:
    match move.kind:
        case "send":
            driver.send(move.name, from_json(move.more, f"the data of {move.name}"))
        case "answer":
            driver.reply(from_json(move.more, f"the answer of {move.name}"), handler=move.name)
        case "fail":
            driver.reply(error=move.more or ERROR, message="it was made to fail", handler=move.name, retryable=True)
        case "decide":
            driver.complete(move.name, move.more or "approved")
        case "wait":
            _wait(driver, int(move.name) if move.name else _until_due(driver))
        case _:
            driver.cancel()


def _wait(driver: Driver, ms: int) -> None:
    """Let time pass from one timer to the next: a machine may have one every moment. Raises StatewfError."""
    until = driver.now + ms
    while (timers := due(driver.machine, driver.snapshot)) and timers[0][0] <= until:
        if len(driver.history) >= MOST:
            raise StatewfError(
                f"a game has {MOST:,} steps at most, and has as many {spoken(driver.now)} after its start"
            )
        driver.advance(max(0, timers[0][0] - driver.now) / 1000)
    driver.advance((until - driver.now) / 1000)


def _until_due(driver: Driver) -> int:
    timers = due(driver.machine, driver.snapshot)
    if not timers:
        raise StatewfError("no timer is set")
    return max(0, timers[0][0] - driver.now)


def _wrong(message: str, hint: str) -> DataError:
    return DataError([Diagnostic("bad-move", message, hint=hint)], "the move")


def choices(driver: Driver) -> Iterator[Choice]:
    """What can be done next."""
    if driver.done:
        return
    machine, snapshot, now = driver.machine, driver.snapshot, driver.now
    for event in driver.allowed:
        made = step(machine, snapshot, Event(event, EMPTY, now))
        yield _choice(Move("send", event), event, made)
    first = {call.handler: call for call in reversed(driver.calls)}  # which is the one that an answer is for
    for handler, call in reversed(first.items()):
        if call.owner != ACTION:
            returned = step(machine, snapshot, Returned(call.id, EMPTY, now))
            yield _choice(Move("answer", handler), f"{handler} answers", returned)
            failed = step(machine, snapshot, Failed(call.id, ERROR, "", now, retryable=True))
            yield _choice(Move("fail", handler), f"{handler} fails", failed)
    for task in driver.tasks:
        for decision in ("approved", "rejected"):
            decided = step(machine, snapshot, Decided(task.id, decision, at=now))
            yield _choice(Move("decide", task.step, decision), f"{task.step}: {decision}", decided)
    if timers := due(machine, snapshot):
        at, region, timer = timers[0]
        where = timer if len(machine.regions) == 1 else f"{region} {timer}"
        yield Choice(Move("wait"), f"let {spoken(max(0, at - now))} pass", f"{where} fires")
    yield _choice(Move("cancel"), "cancel", step(machine, snapshot, Cancel(now)))


def _choice(move: Move, label: str, made: Step | Rejected) -> Choice:
    if isinstance(made, Rejected):
        return Choice(move, label, made.message, refused=True)
    told = changed(row(made))
    more = [f"and {len(told) - FEW:,} more"] if len(told) > FEW else []
    return Choice(move, label, ", ".join([*told[:FEW], *more]) or "nothing changes")
