"""Going through an instance once more: its machine, and all its steps, made again of the events that a store kept.

Below: `port`; the compiler, for a store keeps definitions, not tables. Above: whoever looks at a history as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from statewf.compiler.kept import compile_kept
from statewf.errors import InputError, StoreError
from statewf.history.port import Card, Store
from statewf.machine.fsm import Machine
from statewf.machine.replay import replay
from statewf.machine.snapshot import Snapshot, Step, blank


class Traveller:
    """Goes through instances of one store, `called` so in messages, and compiles each machine once."""

    def __init__(self, store: Store, called: str = "the store") -> None:
        self._store = store
        self._called = called
        self._machines: dict[str, Machine] = {}

    def machine(self, card: Card) -> Machine:
        """The machine of an instance. Raises StoreError."""
        found = self._machines.get(card.machine)
        if found is None:
            record = self._store.machine(card.machine)
            if record is None:
                raise StoreError(f"{self._called} is damaged: the machine of {card.id} is not in it")
            try:
                found = compile_kept(record.definition).machine
            except InputError as error:
                raise StoreError(
                    f"{self._called} is damaged: the machine of {card.id} cannot be read: {error}"
                ) from error
            self._machines[card.machine] = found
        return found

    def steps(self, card: Card, since: Snapshot | None = None) -> Iterator[Step]:
        """All steps of an instance, from its start, or those `since` then. Raises StoreError, also in the middle."""
        machine = self.machine(card)
        try:
            before = blank(machine, card.id) if since is None else since
            yield from replay(machine, islice(self._store.events(card.id), before.seq, None), before)
        except (InputError, ValueError) as error:
            raise StoreError(
                f"{self._called} is damaged: the history of {card.id} cannot be read: {error}"
            ) from error
