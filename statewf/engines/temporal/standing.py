"""How an instance stands, as search attributes of its workflow: by them instances and tasks are listed. Runs in the workflow.

Below: `wire`, which names them. Above: `workflow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from statewf.engines.temporal import wire
from statewf.machine.fsm import Machine
from statewf.machine.record import state_of, tasks_of
from statewf.machine.snapshot import Snapshot

STATE = SearchAttributeKey.for_keyword(wire.STATE)
OUTCOME = SearchAttributeKey.for_keyword(wire.OUTCOME)
TASKS = SearchAttributeKey.for_keyword_list(wire.TASKS)
ASSIGNED = SearchAttributeKey.for_keyword_list(wire.ASSIGNED)

Attributes: TypeAlias = Mapping[SearchAttributeKey[Any], Any]

NOTHING: Attributes = {STATE: "", OUTCOME: "", TASKS: [], ASSIGNED: []}


class Standing:
    """The search attributes as the server has them: of an instance that went along from a run before, how it stood then."""

    def __init__(self, machine: Machine, before: Snapshot | None) -> None:
        self._machine = machine
        self._told = NOTHING if before is None else self._attributes(before)

    def tell(self, snapshot: Snapshot) -> None:
        """Tell how it stands now; only what changed is told."""
        now = self._attributes(snapshot)
        fresh = [key.value_set(value) for key, value in now.items() if value != self._told[key]]
        self._told = now
        if fresh:
            workflow.upsert_search_attributes(fresh)

    def _attributes(self, snapshot: Snapshot) -> Attributes:
        tasks = tasks_of(self._machine, snapshot) if snapshot.book.tasks else ()
        return {
            STATE: wire.word(state_of(snapshot)),
            OUTCOME: snapshot.ended,
            TASKS: [wire.OPEN] if tasks else [],
            ASSIGNED: wire.people(task.assigned_to for task in tasks),
        }
