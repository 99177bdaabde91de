"""Every exception of statewf, and `Diagnostic`, the one shape of a mistake.

The ground floor: it imports nothing of the package, and everything above may raise what stands here.
A mistake is told as data (code, place, reason, hint); only the command line turns it into text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs


@attrs.frozen
class Diagnostic:
    """One mistake in what somebody gave us, and how to mend it.

    `code` is a stable kebab-case name, `path` a place in the document (`$.states.paid.on`),
    `line` counts from 1 and is None where the input has no lines.
    """

    code: str
    message: str
    path: str = "$"
    line: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = self.path if self.line is None else f"line {self.line}, {self.path}"
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.message} [{self.code}]{hint}"


class StatewfError(Exception):
    """The base of all that statewf raises on purpose."""


class InputError(StatewfError):
    """Something given to us is wrong; `diagnostics` tells every mistake at once.

    `source` names where it came from (a file, as the caller wrote it), if anywhere.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], source: str | None = None) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        self.source = source
        super().__init__(str(self))

    def __str__(self) -> str:
        prefix = f"{self.source}: " if self.source else ""
        return "\n".join(f"{prefix}{diagnostic}" for diagnostic in self.diagnostics)


class DefinitionError(InputError):
    """A text or an object that cannot be read as a definition."""


class CompileError(InputError):
    """A definition that reads but is wrong: an unknown target, an unreachable state, a dead end."""


class ExpressionError(InputError):
    """A condition that does not parse, or is too long or too deep."""


class DataError(InputError):
    """A value that is not JSON: NaN, a set, a key that is no text, nesting without end."""


class ConversionError(InputError):
    """A machine in somebody else's format that cannot be converted: what it needs is named."""


class ScenarioError(InputError):
    """A scenario file that cannot be read as one."""


class AssumptionsError(InputError):
    """Assumptions that cannot be read as such, or speak of what a machine does not have."""


class HandlersError(InputError):
    """Handlers that are missing or cannot be imported."""


class EventRejected(StatewfError):
    """An event was refused, and nothing changed. `reason` is one of the codes in `machine.step`, `plain` says it in words."""

    def __init__(
        self, event: str, reason: str, message: str, allowed: Sequence[str] = (), faults: Sequence[str] = ()
    ) -> None:
        self.event = event
        self.reason = reason
        self.plain = message
        self.message = message
        self.allowed = tuple(allowed)
        self.faults = tuple(faults)
        now = f"; allowed now: {', '.join(self.allowed)}" if self.allowed else ""
        told = "".join(f"; {fault}" for fault in self.faults)
        super().__init__(f"{event} was rejected ({reason}): {message}{told}{now}")


class RequestConflict(StatewfError):
    """A `request_id` that was used before with other inputs."""


class KeyConflict(StatewfError):
    """An event key that was used before with another event or other data."""


class Archived(StatewfError):
    """The run of this `request_id` has ended and was archived: what it found is not in the store any more."""


class Unknown(StatewfError):
    """Nobody knows whether the owner of the store took this, or will: the store cannot be reached.

    Ask again with the same `key` (of an event) or `request_id` (of a start): that is never done twice.
    """

    def __init__(self, key: str | None, message: str) -> None:
        self.key = key
        super().__init__(message)


class UnknownTask(StatewfError):
    """There is no such task, and there never was."""


class UnknownInstance(StatewfError):
    """No instance of that id is in the store."""


class UnknownMachine(StatewfError):
    """No machine of that name was deployed to the store."""


class StoreError(StatewfError):
    """The store cannot be opened, read or written; what was acknowledged before stands."""


class StoreBusy(StoreError):
    """Another process is writing to the store just now; nothing was kept, and it may be tried again."""


class Closed(StoreError):
    """The executor was closed: nothing of this was kept."""


class OwnerLost(Closed):
    """Somebody else owns the store by now: this process was stopped, or hung, for longer than a lease. Nothing was kept."""


class StoreConflict(StoreError):
    """One step cannot be kept, others may: the instance is elsewhere by now, or whoever asked for it has withdrawn."""

    def __init__(self, instance: str, message: str) -> None:
        self.instance = instance
        super().__init__(message)


class NonRetryable(StatewfError):
    """Raised by a handler: the remaining attempts are skipped."""
