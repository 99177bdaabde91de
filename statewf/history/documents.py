"""What programs are told of instances, as JSON documents: the same on the command line and over HTTP.

Below: snapshots and receipts. Above: the command line, and whoever tells of instances over a wire.
"""

from __future__ import annotations

from typing import Any, Protocol

from statewf.definition.model import Workflow
from statewf.machine.book import in_order
from statewf.machine.effects import Task
from statewf.machine.fsm import Machine
from statewf.machine.naming import base
from statewf.machine.record import Receipt, steps_of, tasks_of
from statewf.machine.snapshot import Snapshot, active, allowed, due
from statewf.values.frozen import thaw


class Known(Protocol):
    """What is known of an instance without loading it: the card in a store, or what a server lists."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def created(self) -> int: ...
    @property
    def updated(self) -> int | None: ...
    @property
    def state(self) -> str: ...
    @property
    def ended(self) -> str: ...


def listed(known: Known, due: int | None) -> dict[str, Any]:
    """An instance in a list; `due` is its next deadline."""
    return {
        "instance": known.id,
        "machine": known.name,
        "state": known.state,
        "done": bool(known.ended),
        "outcome": known.ended or None,
        "requestId": known.request_id,
        "created": known.created,
        "updated": known.updated,
        "due": due,
    }


def shown(known: Known, machine: Machine, snapshot: Snapshot) -> dict[str, Any]:
    """All there is to say about where an instance is."""
    flight, here = snapshot.flight, active(snapshot)
    of_steps = isinstance(machine.notes.definition, Workflow)
    timers = due(machine, snapshot)
    return {
        **listed(known, timers[0][0] if timers else None),
        "states": [base(local) for local in here] if of_steps else list(machine.notes.shown(here[0])),
        "allowed": list(allowed(machine, snapshot)),
        "context": thaw(snapshot.context),
        "timers": [{"timer": timer, "region": region, "at": at} for at, region, timer in timers],
        "calls": [
            {"handler": call.handler, "attempt": call.attempt, "key": call.key}
            for _, call in sorted(flight.calls.items())
        ],
        "waiting": [queued.op.handler for queued in flight.queue if queued.call is None],
        "deferred": [event.name for event in flight.deferred],
        **(_steps(machine, snapshot) if of_steps else {}),
    }


def _steps(machine: Machine, snapshot: Snapshot) -> dict[str, Any]:
    """What there is to say of a workflow besides."""
    book = snapshot.book
    return {
        "steps": [
            {"step": name, "state": state, "attempt": attempt, "error": thaw(book.errors.get(name))}
            for name, state, attempt in steps_of(machine, snapshot)
        ],
        "tasks": [task_document(task) for task in tasks_of(machine, snapshot)],
        "results": dict(sorted(thaw(book.results).items())),
        "completedSteps": list(in_order(book.completed)),
        "failedSteps": list(in_order(book.failed)),
        "compensations": thaw(in_order(book.undone)),
    }


def task_document(task: Task) -> dict[str, Any]:
    """A task that waits for somebody."""
    return {
        "id": task.id,
        "instance": task.instance,
        "step": task.step,
        "assignedTo": thaw(task.assigned_to),
        "details": thaw(task.details),
        "dueAt": task.due_at,
    }


def answered(instance: str, receipt: Receipt, state: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    """What an instance made of what it was given, and where it is now."""
    return {
        "instance": instance,
        "event": receipt.event,
        "disposition": receipt.disposition,
        "seq": receipt.seq,
        "state": state,
        "allowed": list(allowed),
        "notes": list(receipt.notes),
    }
