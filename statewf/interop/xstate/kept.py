"""What XState has no word for and a machine there does not need, kept in `meta.statewf`, so that it comes back.

Of the machine: what becomes of an event that nothing takes, properties, pricing and billing. Of a state: the first
again, and the outcome of an end. In XState an event that nothing takes is forgotten, so that is what a config says
without a word.

Below: the readers of definitions. Above: `reading`, `writing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statewf.definition.converter import converter
from statewf.definition.mistakes import mistakes_in
from statewf.definition.model import State, StateMachine
from statewf.definition.places import shown
from statewf.definition.shape import said
from statewf.definition.write import to_document
from statewf.interop.xstate.told import Path, Told

META = "statewf"
_OF_MACHINE = ("unexpected", "properties", "pricing", "billing", "description")
_OF_STATE = ("unexpected", "outcome")


def machine_kept(config: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """The attributes of a machine that its config keeps."""
    found = {"unexpected": "ignore", **_meta(config, (), _OF_MACHINE[:-1], told)}
    if config.get("description") is not None:
        found["description"] = config["description"]
    try:
        least = {"name": "machine", "initialState": "a", "states": {"a": {}}, **found}
        machine = converter().structure(least, StateMachine)
    except Exception as error:  # what is raised by the reader of definitions; anything else is raised again
        for mistake in mistakes_in(error):
            where = () if mistake.path[:1] == ("description",) else ("meta", META)
            told.wrong(mistake.code, mistake.message, (*where, *mistake.path), mistake.hint)
        return {}
    return {name: getattr(machine, name) for name in _OF_MACHINE}


def state_kept(config: Mapping[str, Any], path: Path, told: Told) -> dict[str, Any]:
    """The attributes of a state that its config keeps."""
    return _meta(config, path, _OF_STATE, told)


def _meta(config: Mapping[str, Any], path: Path, known: tuple[str, ...], told: Told) -> dict[str, Any]:
    meta = config.get("meta")
    own = meta.get(META, {}) if isinstance(meta, dict) else {}
    if not isinstance(own, dict):
        told.wrong("wrong-type", f"expected an object, found {shown(own)}", (*path, "meta", META))
        return {}
    for key in own:
        if key not in known:
            hint = f"known here: {', '.join(known)}"
            told.wrong("unknown-key", f"the key {shown(key)} is not known here", (*path, "meta", META, key), hint)
    return {key: value for key, value in own.items() if key in known}


def meta_of(part: StateMachine | State, usual: Mapping[str, Any]) -> dict[str, Any]:
    """The `meta` of a machine or a state, without what holds anyway."""
    known = _OF_MACHINE[:-1] if isinstance(part, StateMachine) else _OF_STATE
    own = {name: value for name in known if said(value := getattr(part, name)) and value != usual.get(name)}
    if not own:
        return {}
    written = to_document(part) if isinstance(part, StateMachine) else own
    return {"meta": {META: {name: written.get(name, value) for name, value in own.items()}}}
