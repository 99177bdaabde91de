"""What goes in and out, as the OpenAPI document tells it. Times are milliseconds since the epoch.

Bodies are read strictly: what they do not know is a mistake, not silence. Above: the routes.
"""

# No `from __future__ import annotations`: what is NotRequired has to be seen when a class is made.

from typing import Any, NotRequired, TypedDict

import msgspec


class StartBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Start an instance: of which machine, with which inputs; the same `requestId` again is the same instance.

    `restart` starts a successor of one that ended in failure.
    """

    machine: str
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    request_id: str | None = None
    restart: bool = False


class EventBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An event; the same `key` again is the same event."""

    event: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    key: str | None = None


class DecisionBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A decision: `approved`, `rejected` or any other word; `result` is what else there is to say."""

    decision: str
    by: str | None = None
    comments: str | None = None
    result: Any = None


class CancelBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """How to cancel; `now`: without undoing anything."""

    now: bool = False


class DefinitionBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A definition as text, YAML or JSON."""

    text: str


class Counted(TypedDict):
    """How many instances are in a state, and whether, and how, they ended there."""

    state: str
    outcome: str | None
    instances: int


class MachineItem(TypedDict):
    """A deployed machine, and how many instances are where, of it and of earlier ones of its name."""

    name: str
    digest: str
    states: list[Counted]


class MachineDocument(MachineItem):
    """A deployed machine whole, with its canonical definition; `kind` is `states` or `steps`."""

    kind: str
    description: str | None
    definition: dict[str, Any]
    events: list[str]


class InstanceItem(TypedDict):
    """An instance in a list. `outcome` is null before its end, `due` its next deadline."""

    instance: str
    machine: str
    state: str
    done: bool
    outcome: str | None
    requestId: str | None
    created: int
    updated: int
    due: int | None


class InstancePage(TypedDict):
    """Some instances, the newest first; `next` is the cursor of those that come after them."""

    instances: list[InstanceItem]
    next: str | None


class TaskDocument(TypedDict):
    """A task that waits for somebody to decide it."""

    id: str
    instance: str
    step: str
    assignedTo: Any
    details: dict[str, Any]
    dueAt: int | None


class TimerDocument(TypedDict):
    """A timer that is set."""

    timer: str
    region: str
    at: int


class CallDocument(TypedDict):
    """A call of a handler that is not answered yet."""

    handler: str
    attempt: int
    key: str


class StepDocument(TypedDict):
    """Where a step of a workflow is."""

    step: str
    state: str
    attempt: int
    error: Any


class InstanceDocument(InstanceItem):
    """All there is to say of where an instance is. Of a workflow also its steps, tasks and results.

    `estimatedTimeRemaining` is there if it was asked for: milliseconds, null if nobody can tell.
    """

    states: list[str]
    allowed: list[str]
    context: dict[str, Any]
    timers: list[TimerDocument]
    calls: list[CallDocument]
    waiting: list[str]
    deferred: list[str]
    estimatedTimeRemaining: NotRequired[int | None]
    steps: NotRequired[list[StepDocument]]
    tasks: NotRequired[list[TaskDocument]]
    results: NotRequired[dict[str, Any]]
    completedSteps: NotRequired[list[str]]
    failedSteps: NotRequired[list[str]]
    compensations: NotRequired[list[Any]]


class Row(TypedDict):
    """A history row: what happened, and what it changed."""

    seq: int
    at: int
    event: str
    data: Any
    changes: list[dict[str, Any]]


class HistoryPage(TypedDict):
    """Some rows of a history; `next` is the number after which it goes on, null at its end."""

    rows: list[Row]
    next: int | None


class Answer(TypedDict):
    """What an instance made of what it was given, and where it is now.

    `disposition` is `accepted`, `deferred`, `ignored` or `duplicate`; what was rejected is a problem.
    """

    instance: str
    event: str
    disposition: str
    seq: int
    state: str
    allowed: list[str]
    notes: list[str]


class Health(TypedDict):
    """`status` is `ok`, or why not; `owns`: this process owns the store, and performs. Else it asks the one that does."""

    status: str
    owns: bool


class Mistake(TypedDict):
    """One mistake in what was sent."""

    code: str
    message: str
    path: str
    line: int | None
    hint: str | None


class ProblemDocument(TypedDict):
    """A problem, by RFC 9457. `code` is a stable name, `hint` says what may help, `errors` tells all mistakes at once.

    Of an event that was rejected `reason`, `allowed` and `faults` say why, and what is accepted now.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    errors: NotRequired[list[Mistake]]
    event: NotRequired[str]
    disposition: NotRequired[str]
    reason: NotRequired[str]
    allowed: NotRequired[list[str]]
    faults: NotRequired[list[str]]
