"""Put the machine together: regions, who listens to what, the digest, and the notes for people."""

from __future__ import annotations

from typing import Any

import attrs

from statewf.compiler.check import check
from statewf.compiler.check_pricing import check_pricing
from statewf.compiler.check_steps import check_steps
from statewf.compiler.plan import plan
from statewf.compiler.states import region
from statewf.compiler.steps import regions
from statewf.compiler.tree import Tree, grow
from statewf.compiler.workflow import workflow_region
from statewf.definition.model import Definition, StateMachine, Workflow, path_text
from statewf.definition.words import wrong_type
from statewf.definition.write import to_document
from statewf.errors import CompileError
from statewf.machine.fsm import SEMANTICS, Machine, Region
from statewf.machine.naming import known, waits
from statewf.values.canonical import digest

SPOKEN = {"description", "properties"}  # what people read and the checker proves, but `step` never sees


@attrs.frozen
class Notes:
    """What pictures, messages and bills need and `step` does not.

    Of a state machine, for each local state the full names of the written states that are `active` in it, innermost
    first, and which of them are `leaves`; `$cancelled` is a leaf of its own.
    """

    definition: Definition
    active: dict[str, tuple[str, ...]]
    leaves: dict[str, tuple[str, ...]]
    paths: dict[str, tuple[str | int, ...]]
    names: dict[str, str] = attrs.field(factory=dict)  # of steps, as people call them

    def shown(self, local: str) -> tuple[str, ...]:
        """Where that is to people: the leaves of a local state, or the wait for the next attempt."""
        return (known(local),) if waits(local) else self.leaves[local]

    def place(self, state: str) -> tuple[str, int | None]:
        """Where a written or local state stands in its document: path and line."""
        path = self.paths.get(state) or self.paths.get(next(iter(self.active.get(state, ())), "")) or ()
        return path_text(path), self.definition.places.line(path)


def compile_definition(definition: Definition) -> Machine:
    """The explicit machine of a definition. Raises CompileError that names every name leading nowhere."""
    match definition:
        case StateMachine():
            return _state_machine(definition)
        case Workflow():
            return _workflow(definition)
        case _:
            raise wrong_type("a StateMachine or a Workflow", definition, "read one with wf.load or wf.loads")


def _state_machine(definition: StateMachine) -> Machine:
    tree = grow(definition)
    if mistakes := [*check(tree), *check_pricing(definition, _priced(tree))]:
        raise CompileError(mistakes, definition.places.source)
    main, around, leaves = region(tree)
    notes = Notes(definition, around, leaves, {node.name: node.path for node in tree.nodes.values()})
    return Machine(
        name=definition.name,
        digest=machine_digest(definition),
        regions=(main,),
        listeners=dict.fromkeys(_alphabet(main), (0,)),
        fallback=(0,),
        eventless=(0,) if any(state.always for state in main.states.values()) else (),
        context=definition.context,
        notes=notes,
    )


def _workflow(definition: Workflow) -> Machine:
    planned = plan(definition)
    if mistakes := [*check_steps(planned), *check_pricing(definition, planned.nodes)]:
        raise CompileError(mistakes, definition.places.source)
    listeners: dict[str, tuple[int, ...]] = {}
    for number, node in enumerate(planned.nodes.values(), 1):
        if node.step.event is not None:
            listeners[node.step.event] = (*listeners.get(node.step.event, ()), number)
    return Machine(
        name=definition.name,
        digest=machine_digest(definition),
        regions=(workflow_region(planned), *regions(planned)),
        listeners=listeners,
        fallback=(),
        notes=Notes(
            definition,
            {},
            {},
            {node.id: node.path for node in planned.nodes.values()},
            {node.id: node.step.name or node.id for node in planned.nodes.values()},
        ),
    )


def _priced(tree: Tree) -> list[str]:
    return [name for name, node in tree.nodes.items() if node.state.history is None]


def machine_digest(definition: Definition) -> str:
    """Equal for definitions that behave and cost the same, whatever their descriptions."""
    return document_digest(to_document(definition))


def document_digest(document: dict[str, Any]) -> str:
    """The same of a definition as it is written."""
    return digest({"definition": _behaviour(document), "semantics": SEMANTICS})


def _behaviour(document: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in document.items() if key not in SPOKEN}
    if "states" in kept:
        kept["states"] = {name: _behaviour(state) for name, state in kept["states"].items()}
    if "steps" in kept:
        kept["steps"] = [_behaviour(step) for step in kept["steps"]]
    for branch in ("then", "else"):
        if branch in kept:
            kept[branch] = _behaviour(kept[branch])
    return kept


def _alphabet(main: Region) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event for state in main.states.values() for event in state.events))
