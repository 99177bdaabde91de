"""Machines of other formats, told from mistakes in ours: who gives us one hears how to convert it.

Below: `places`. Above: `read`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from statewf.definition.places import Mistake

HEAD = 4_000  # characters in which the root of an XML document stands
XSTATE_ALONE = ("after", "entry", "exit", "reenter", "tags", "meta")
XSTATE_TYPES = ("atomic", "compound", "parallel", "history", "final")


def foreign_text(text: str | bytes, source: str | None) -> Mistake | None:
    """What to say of a text that is an SCXML document; None if it is none."""
    head = text[:HEAD].decode(errors="replace") if isinstance(text, bytes) else text[:HEAD]
    is_scxml = head.lstrip("\ufeff \t\r\n").startswith("<") and "<scxml" in head
    return _told("an SCXML document", "scxml", source) if is_scxml else None


def foreign(value: Any, source: str | None) -> Mistake | None:
    """What to say of a document that is a machine of XState or transitions; None if nothing in it is said as only they say it."""
    if not isinstance(value, dict) or "initialState" in value:
        return None
    if isinstance(value.get("states"), list) and isinstance(value.get("transitions"), list):
        return _told("a configuration of transitions", "transitions", source)
    is_xstate = any(_is_of_xstate(state) for state in _states(value))
    return _told("a machine of XState", "xstate", source) if is_xstate else None


def _states(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    states = value.get("states")
    for state in states.values() if isinstance(states, dict) else ():
        if isinstance(state, dict):
            yield state
            yield from _states(state)


def _is_of_xstate(state: Mapping[str, Any]) -> bool:
    invoked = state.get("invoke")
    calls = any(
        isinstance(call, dict) and "src" in call for call in (invoked if isinstance(invoked, list) else [invoked])
    )
    return calls or state.get("type") in XSTATE_TYPES or any(key in state for key in XSTATE_ALONE)


def _told(what: str, name: str, source: str | None) -> Mistake:
    hint = f"statewf convert {source or 'FILE'} --from {name} writes it as a definition"
    return Mistake("foreign-format", f"this is {what}, and no definition", hint=hint)
