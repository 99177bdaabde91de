"""Text to definition, in one call: every mistake of the text told at once, each with its path and line.

Below: `document` (text to plain data), `converter` (plain data to values). Above: whoever has a text:
`statewf.loads`, and `statewf.files` for those who have a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import attrs

from statewf.definition.converter import converter
from statewf.definition.document import Format, document, refusal
from statewf.definition.foreign import foreign, foreign_text
from statewf.definition.mistakes import Wrong, mistakes_in
from statewf.definition.model import Definition, StateMachine, Workflow
from statewf.definition.places import FULL, MOST_TOLD, Mistake, Path, Places, mistakes_of, path_text, shown
from statewf.definition.words import one_of
from statewf.errors import InputError

__all__ = ["UNNAMED", "Format", "read"]

UNNAMED = "machine"  # what a machine is called if neither its text nor anybody else says a name


def read(
    text: str | bytes, *, source: str | None = None, format: Format | None = None, name: str | None = None
) -> Definition:
    """The state machine or workflow that a text defines. Raises DefinitionError, which tells every mistake.

    `source` is where the text came from, in the words of the caller; its suffix says the format (without one
    the text is looked at), and its stem (or `name`) names the machine where the text does not.
    """
    if other := foreign_text(text, source):
        raise refusal([other], Places(source))
    found = document(text, source, format, _is_end)
    if other := foreign(found.value, source):
        raise refusal([other], found.places)
    try:
        machine = _machine(found.value, name or _stem(source))
    except Wrong as error:
        spoiled = found.spoiled()
        told = [one for one in error.mistakes if path_text(one.path) + one.tail not in spoiled]
        raise refusal([*found.mistakes, *told], found.places) from None
    if found.mistakes:
        raise refusal(found.mistakes, found.places)
    return attrs.evolve(machine, places=found.places)


def _is_end(path: Path) -> bool:
    """Where a price list may say that there is no end: in words of its own, as the seed's `Infinity`."""
    match path:
        case ("pricing", "maximum") | ("pricing", "discounts", "volume", "max"):
            return True
        case ("pricing", "discounts", "volume", int(), "max"):
            return True
        case _:
            return False


def _stem(source: str | None) -> str:
    last = (source or "").replace("\\", "/").rpartition("/")[2]
    return last.rpartition(".")[0] or last or UNNAMED


def _machine(value: Any, name: str) -> Definition:
    if not isinstance(value, dict):
        hint = "a definition has states (and initialState) or steps"
        raise Wrong([Mistake("wrong-type", f"expected an object, found {shown(value)}", hint=hint)])
    header = list(_header(value))
    kind: type[Definition] = Workflow if "steps" in value and "states" not in value else StateMachine
    least: dict[str, Any] = {"name": name} if kind is Workflow else {"name": name, "states": {}}
    foreign = ("type", "subtype") if kind is Workflow else ("type", "subtype", "steps")
    body = {key: item for key, item in value.items() if key not in foreign}
    try:
        machine: Definition = converter().structure({**least, **body}, kind)
    except Exception as error:
        told = list(islice(mistakes_in(error), MOST_TOLD))
        if len(told) == MOST_TOLD:
            told.append(FULL)
        said = {mistake.code for mistake in header}  # and better
        raise Wrong([*header, *(mistake for mistake in told if mistake.path or mistake.code not in said)]) from None
    if header:
        raise Wrong(header)
    return machine


def _header(value: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with the kind of the whole."""
    if "states" not in value and "steps" not in value:
        hint = "a state machine has initialState and states; a step workflow has steps"
        yield Mistake("no-states", "there are neither states nor steps", hint=hint)
    elif value.get("states") == {}:
        yield Mistake("no-states", "a state machine needs at least one state", ("states",))
    elif value.get("steps") == [] and "states" not in value:
        yield Mistake(
            "no-steps", "a workflow needs at least one step", ("steps",), "list one, as in steps: [{id: a}]"
        )
    if "steps" in value and "states" in value:
        hint = "a machine is made of states or of steps; keep one"
        yield Mistake("states-and-steps", "there are steps beside states", ("steps",), hint)
    kind = value.get("type")
    if "type" in value and not (isinstance(kind, str) and kind.rpartition(".")[2] == "Automation"):
        hint = "write Automation, or leave the key out"
        yield Mistake("bad-choice", f"{shown(kind)} is not the type of a machine", ("type",), hint)
    if "subtype" in value:
        kinds = {"states": "state-machine", "steps": "workflow"}
        yield from _subtype(value["subtype"], [kind for key, kind in kinds.items() if key in value])


def _subtype(value: object, found: list[str]) -> Iterator[Mistake]:
    try:
        subtype = one_of(value, ("state-machine", "workflow"))
    except InputError as error:
        yield from (mistake.under(("subtype",)) for mistake in mistakes_of(error))
        return
    if found and subtype not in found:
        told = "a workflow has steps, but here are states"
        if subtype == "state-machine":
            told = "a state machine has states, but here are steps"
        yield Mistake("subtype-mismatch", told, ("subtype",), f"write {found[0]}, or leave the key out")
