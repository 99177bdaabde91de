"""Verbs that look at a store, or a Temporal server: `list`, `show`, `history`. They change nothing and need no handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import Server, json_option, place_options, print_json, queue_option

if TYPE_CHECKING:
    from statewf.errors import StatewfError
    from statewf.forecast.remaining import Estimate, Remaining
    from statewf.history import Card, Sqlite
    from statewf.history.documents import Known
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Snapshot, Step

MOST = 1_000_000  # instances that are listed at once
LOOKED_AT = 200  # instances from which it is learnt how long another one takes
MOST_MEMBERS = 20  # of the data of a workflow: each of its steps may add some


@contextmanager
def opened(path: str, *, as_it_is: bool = False) -> Iterator[Sqlite]:
    """The store at `path`, which must exist; `as_it_is`: not brought up to date. Raises StoreError."""
    from statewf.errors import StoreError
    from statewf.history import Sqlite

    if path != ":memory:" and not Path(path).exists():
        raise StoreError(f"there is no store {path}; `statewf start` and `run` make one, --db says where")
    store = Sqlite(path, create=False, as_it_is=as_it_is)
    try:
        yield store
    finally:
        store.close()


def card_of(store: Sqlite, instance: str) -> Card:
    """The card of an instance. Raises UnknownInstance, Archived."""
    card = store.card(instance)
    if card is None:
        raise gone(store, instance)
    return card


def gone(store: Sqlite, instance: str) -> StatewfError:
    """Why an instance is not there."""
    from statewf.cli.tables import clock
    from statewf.errors import Archived, UnknownInstance

    grave = store.grave(instance)
    if grave is None:
        return UnknownInstance(f"there is no instance {instance} in {store.path}; `statewf list` shows them")
    end = f"it ended in {grave.state} ({grave.ended}) at {clock(grave.at)}"
    return Archived(f"{instance} is not in {store.path} any more: {end}, and was archived")


def travelled(store: Sqlite, instance: str) -> tuple[Machine, tuple[Step, ...]]:
    """The machine of an instance, and all its steps. Raises UnknownInstance, StoreError."""
    from statewf.errors import StoreError
    from statewf.history.travel import Traveller

    card, traveller = card_of(store, instance), Traveller(store, store.path)
    machine, steps = traveller.machine(card), tuple(traveller.steps(card))
    if not steps:
        raise StoreError(f"{store.path} is damaged: {instance} has no history")
    return machine, steps


@click.command("list")
@click.option("--state", help="Only those in this state.")
@click.option("--machine", help="Only those of this machine.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=100,
    show_default=True,
    help="At most so many, the newest first.",
)
@place_options
@queue_option
@json_option
def list_verb(
    state: str | None,
    machine: str | None,
    limit: int,
    db: str,
    server: Server | None,
    queue: str,
    as_json: bool,
) -> None:
    """List the instances of a store, or of a task queue, the newest first."""
    known: Sequence[tuple[Known, int | None]]
    if server is not None:
        from statewf.cli.remote import asked

        found = asked(
            server,
            lambda there: there.list(machine=machine, state=state, limit=limit),
            queue=queue,
            quiet=as_json,
        )
        known = [(one, None) for one in found]
    else:
        with opened(db) as store:
            known = [(card, card.due) for card in store.cards(name=machine, state=state, limit=limit)]
    if as_json:
        from statewf.history.documents import listed

        print_json([listed(one, due) for one, due in known])
        return
    from statewf.cli.tables import table
    from statewf.cli.tell import one_line

    rows = [
        (one.id, one.name, _state(one), _moment(one.updated), one_line(one.request_id or "")) for one, _ in known
    ]
    table(("instance", "machine", "state", "last step", "request"), rows, "no instances")


def _state(known: Known) -> str:
    state = known.state or "(waits for a worker)"
    return f"{state} ({known.ended})" if known.ended else state


def _moment(at: int | None) -> str:
    from statewf.cli.tables import clock

    return "" if at is None else clock(at)


@click.command("show")
@click.argument("instance", metavar="ID")
@place_options
@json_option
def show_verb(instance: str, db: str, server: Server | None, as_json: bool) -> None:
    """Show where an instance is, and what it may do next."""
    from statewf.history.documents import shown

    known: Known
    left = None
    if server is not None:
        from statewf.cli.remote import asked, looked_at

        known, machine, snapshot = asked(server, lambda there: looked_at(there, instance), quiet=as_json)
    else:
        with opened(db) as store:
            known = card_of(store, instance)
            machine, steps = travelled(store, instance)
            left = remaining(store, machine, steps)
        snapshot = steps[-1].after
    document = {**shown(known, machine, snapshot), "estimatedTimeRemaining": left and left.mean}
    if as_json:
        print_json(document)
    else:
        told = "" if known.ended or server is not None else _left(left)  # a server learns nothing of others
        _tell(known, document, told)


def remaining(store: Sqlite, machine: Machine, steps: Sequence[Step]) -> Estimate | None:
    """How long an instance still takes, by what others in the store took; None: nobody can tell, or it has ended."""
    import time

    from statewf.forecast.remaining import begun

    snapshot = steps[-1].after
    if snapshot.ended:
        return None
    return _learnt(store, machine).now(snapshot, time.time_ns() // 1_000_000, begun(machine, steps))


def time_left(db: str, machine: Machine) -> Callable[[Snapshot], int | None]:
    """Says how many ms an instance still takes from its last step on, by what others in the store took; it is to be shown each."""
    from statewf.errors import StoreError
    from statewf.forecast.remaining import Watch

    try:
        with opened(db) as store:
            known = _learnt(store, machine)
    except StoreError:
        return lambda _: None  # whatever is wrong is told by whoever needs the store more
    watch = Watch(machine)

    def left(snapshot: Snapshot) -> int | None:
        watch.see(snapshot)
        found = known.now(snapshot, snapshot.at, watch.begun)
        return None if found is None else found.mean

    return left


def _learnt(store: Sqlite, machine: Machine) -> Remaining:
    from statewf.forecast.learn import learned
    from statewf.forecast.observe import observed
    from statewf.forecast.remaining import Remaining

    return Remaining(machine, learned(machine, observed(store, machine.name, LOOKED_AT)))


def _tell(known: Known, document: dict[str, Any], left: str) -> None:
    """The same for people, in their words, and how long it still takes."""
    from statewf.cli.tables import clock, facts, few, members, some
    from statewf.cli.tell import one_line

    of_steps = "steps" in document
    calls = [
        call["handler"] + (f" (attempt {call['attempt']})" if call["attempt"] > 1 else "")
        for call in document["calls"]
    ]
    timers = [
        f"{timer['region'] + ' ' if of_steps else ''}{timer['timer']} at {clock(timer['at'])}"
        for timer in document["timers"]
    ]
    facts(
        (
            ("instance", known.id),
            ("machine", known.name),
            ("state", _state(known)),
            *(_steps_told(document) if of_steps else ()),
            ("accepts", ", ".join(document["allowed"])),
            ("waits for", some([*calls, *document["waiting"]])),
            ("timers", few(timers, "\n")),
            ("deferred", some(document["deferred"])),
            ("time left", left),
            ("request", one_line(known.request_id or "")),
            ("started", clock(known.created)),
            ("last step", _moment(known.updated)),
            ("results", members(document["results"], MOST_MEMBERS) if of_steps else ""),
            ("context", members(document["context"], MOST_MEMBERS if of_steps else None)),
        )
    )


def _left(known: Estimate | None) -> str:
    from statewf.cli.tables import lasting

    if known is None:
        return "unknown: too little was seen of what it waits for"
    return f"about {lasting(known.mean)}; half within {lasting(known.p50)}, 90 % within {lasting(known.p90)}"


def _steps_told(document: dict[str, Any]) -> list[tuple[str, str]]:
    """How many steps are where; of those that work or failed, which."""
    import time
    from collections import Counter

    from statewf.cli.asking import due_in, who
    from statewf.cli.tables import SHORT, cut, few, state
    from statewf.cli.tell import one_line
    from statewf.machine.record import AT_REST

    counted = Counter(step["state"] for step in document["steps"])
    busy = [
        f"{step['step']} {state(step['state'], step['attempt'])}"
        for step in document["steps"]
        if step["state"] not in AT_REST
    ]
    failed = [
        cut(one_line(f"{step['step']}: {step['error']['error']}: {step['error']['message']}"), SHORT)
        for step in document["steps"]
        if step["state"] == "failed" and step["error"]
    ]
    now = time.time_ns() // 1_000_000
    tasks = [
        f"{task['id']} for {who(task['assignedTo'])}"
        + (f", due {due_in(task['dueAt'], now)}" if task["dueAt"] else "")
        for task in document["tasks"]
    ]
    undone = [
        f"{record['step']}: {record['action']}"
        + ("" if record["success"] else f" failed: {one_line(record['error'])}")
        for record in document["compensations"]
    ]
    return [
        ("steps", ", ".join(f"{count:,} {name}" for name, count in counted.items())),
        ("now", few(busy, "\n")),
        ("failed", few(failed, "\n")),
        ("undone", few(undone, "\n")),
        ("tasks", few(tasks, "\n")),
    ]


@click.command("history")
@click.argument("instance", metavar="ID")
@place_options
@json_option
def history_verb(instance: str, db: str, server: Server | None, as_json: bool) -> None:
    """Show everything that happened to an instance."""
    if server is not None:
        from statewf.cli.remote import asked

        rows = list(asked(server, lambda there: there.history(instance), quiet=as_json))
    else:
        with opened(db) as store:
            card_of(store, instance)
            rows = list(store.rows(instance))
    if as_json:
        print_json(rows)
        return
    from statewf.cli.tables import history

    history(rows)
