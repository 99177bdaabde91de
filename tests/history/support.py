"""What tests of stores share: entries as the executor makes them, and machines to make them from."""

from __future__ import annotations

from collections.abc import Sequence

from statewf.compiler import compile_definition
from statewf.definition.model import Definition, Emit, State, StateMachine
from statewf.definition.write import to_json
from statewf.history import Card, Entry, KeyRecord, MachineRecord, Store
from statewf.history.port import Answer
from statewf.machine.fsm import Machine
from statewf.machine.record import state_of
from statewf.machine.snapshot import Step
from statewf.machine.step import start

TOY = compile_definition(
    StateMachine(
        "toy",
        "a",
        {
            "a": State({"GO": "b", "SAY": "a"}, timeout=1000, timeout_transition="c", on_entry=Emit("Said")),
            "b": State({"BACK": "a"}),
            "c": State(terminal=True),
        },
    )
)


def record(machine: Machine) -> MachineRecord:
    definition: Definition = machine.notes.definition
    return MachineRecord(machine.digest, machine.name, machine.semantics, to_json(definition))


def entry(
    machine: Machine,
    step: Step,
    *,
    request_id: str | None = None,
    key: KeyRecord | None = None,
    restart: bool = False,
    answer: Answer | None = None,
    created: int = 0,
) -> Entry:
    after = step.after
    card = Card(
        number=int.from_bytes(after.instance.encode()[:7].ljust(7, b"\0")),  # in the order of their names
        id=after.instance,
        machine=machine.digest,
        name=machine.name,
        request_id=request_id,
        inputs=after.inputs,
        created=created,
        updated=after.at,
        seq=after.seq,
        state=state_of(after),
        ended=after.ended,
        due=min(after.flight.deadlines.values(), default=None),
        busy=bool(after.flight.calls),
    )
    return Entry(card, step, key, restart, answer)


def begun(instance: str, at: int = 0) -> Step:
    return start(TOY, {"n": 1}, instance=instance, at=at)


def owned(store: Store) -> int:
    """The epoch in which the tests own the store."""
    lease = store.lease()
    epoch = lease.epoch if lease.holder else store.claim("the tests", lease.epoch)
    assert epoch is not None
    return epoch


def keep(store: Store, entries: Sequence[Entry]) -> None:
    """Append to a store that the tests own."""
    store.append(entries, owned(store))
