"""The machines of a store: each is kept as its definition, and compiled when it is first needed."""

from __future__ import annotations

from statewf.compiler.kept import compile_kept
from statewf.definition.document import document, refusal
from statewf.definition.write import to_json
from statewf.errors import DefinitionError, Diagnostic, InputError, StoreError, UnknownMachine
from statewf.history import MachineRecord, Store
from statewf.machine.fsm import SEMANTICS, Machine
from statewf.runtime.logs import Log

log = Log("statewf.machines")


class Machines:
    """Machines by digest, and by the name they were last deployed under."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._compiled: dict[str, Machine] = {}

    def deploy(self, machine: Machine) -> None:
        """Keep a machine, and make it the one of its name. Raises DefinitionError if it could not be read again."""
        text = to_json(machine.notes.definition)
        _check_readable(text, machine.name)
        self._store.deploy(MachineRecord(machine.digest, machine.name, machine.semantics, text))
        self._compiled[machine.digest] = machine

    def named(self, name: str) -> Machine:
        """The machine last deployed under that name. Raises UnknownMachine."""
        record = self._store.current(name)
        if record is None:
            raise UnknownMachine(f"no machine named {name} was deployed")
        return self.get(record.digest)

    def get(self, digest: str) -> Machine:
        """The machine of that digest. Raises StoreError when it is not there, or cannot be read any more."""
        if digest in self._compiled:
            return self._compiled[digest]
        record = self._store.machine(digest)
        if record is None:
            raise StoreError(f"the machine {digest} is not in the store")
        if record.semantics != SEMANTICS:
            was = f"{record.name} was deployed under semantics {record.semantics}"
            raise StoreError(f"{was}; this statewf has {SEMANTICS}")
        try:
            machine, left_out = compile_kept(record.definition)
        except InputError as error:
            raise StoreError(f"the definition of {record.name} is damaged: {error}") from error
        if left_out:
            told = "%s of %s, which an earlier statewf kept unread, hold no more: it goes on as if there were none"
            log.warning(told, " and ".join(left_out), record.name)
        self._compiled[digest] = machine
        return machine


def _check_readable(text: str, name: str) -> None:
    """What was made in Python may be larger, or deeper, than any text may be that is read."""
    try:
        found = document(text, format="json")
        if found.mistakes:
            raise refusal(found.mistakes, found.places)
    except DefinitionError as error:
        kept = f"{name} is kept as JSON, and could not be read again"
        told = [Diagnostic(one.code, f"{kept}: {one.message}", hint=one.hint) for one in error.diagnostics]
        raise DefinitionError(told) from None
