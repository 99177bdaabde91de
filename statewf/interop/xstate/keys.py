"""The keys of a config: those that are known, those that say nothing here, and those of XState v4.

Below: `told`. Above: `reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from statewf.definition.places import shown
from statewf.definition.shape import said
from statewf.definition.words import nearest
from statewf.interop.xstate.told import Path, Told
from statewf.machine.fsm import is_pattern

V4 = {
    "activities": "v5 invokes an actor",
    "cond": "v5 calls it guard",
    "data": "v5 calls it output, or input of an actor",
    "delimiter": "v5 has none; a dot",
    "in": "v5 has the guard stateIn",
    "internal": "in v5 a transition is internal unless it has reenter: true",
    "onEntry": "v5 calls it entry",
    "onExit": "v5 calls it exit",
    "predictableActionArguments": "v5 has none; they are",
    "preserveActionOrder": "v5 has none; it is",
    "schema": "v5 calls it schemas, or types",
    "services": "v5 calls them actors, and createMachine(...).provide takes them",
    "strict": "v5 has none",
    "tsTypes": "v5 calls it types",
}
_ANY = ("id", "type", "description", "meta", "tags", "key")
_DOING = ("on", "always", "after", "invoke", "entry", "exit", "onDone", "initial", "states")
_KNOWN: dict[str, tuple[str, ...]] = {
    "atomic": (*_ANY, *_DOING, "history"),
    "compound": (*_ANY, *_DOING, "history"),
    "parallel": (*_ANY, *_DOING, "history"),
    "final": (*_ANY, "entry", "exit", "output"),
    "history": (*_ANY, "history", "target"),
    "invoke": ("src", "id", "input", "onDone", "onError", "meta", "description", "systemId"),
    "transition": ("target", "guard", "actions", "reenter", "description", "meta"),
}
_ROOT = ("context", "version", "schemas", "types", "output", "options")
_SILENT = {  # nothing is lost with them, or it is told elsewhere
    *("id", "key", "type", "description", "meta", "history", "types", "schemas"),
}
_DROPPED = {
    "tags": "tags are not held",
    "output": "the output is not held; what a machine found is in its context",
    "version": "the version is not held; a definition has a digest",
    "systemId": "the name in the system is not held",
    "options": "options are not held",
}
_ELSEWHERE = {
    "parallel": "type: parallel",
    "final": "type: final",
    "when": "guard",
    "src": "invoke",
    "reenter": "reenter",
}
_EARLIER = {
    "done.state.": "v5 calls it xstate.done.state.ID; better write onDone",
    "done.invoke.": "v5 calls it xstate.done.actor.ID; better write onDone",
    "error.platform.": "v5 calls it xstate.error.actor.ID; better write onError",
    "error.execution": "v5 has none",
}
_FINISHED = "xstate.done.state."


def check_keys(config: Mapping[str, Any], path: Path, kind: str, told: Told, *, root: bool = False) -> None:
    """Tell the keys of a state, or of an actor, that cannot stand there, and those that say nothing here."""
    known = (*_KNOWN[kind], *(_ROOT if root else ()))
    for key, value in config.items():
        here = (*path, key)
        if key in _DROPPED and key in known:
            if said(value):
                told.remark(here, _DROPPED[key])
        elif key == "id" and kind == "invoke":
            told.remark(here, "the id of the actor is not held; the call is known by its state")
        elif key not in known:
            _strange(key, value, here, kind, known, told)
    check_meta(config, path, told)
    if kind == "parallel" and said(config.get("initial")):
        told.remark((*path, "initial"), "a parallel state begins in all of its states")
    if said(config.get("description")) and kind == "invoke":
        told.remark((*path, "description"), "it is not held")


def check_transition_keys(config: Mapping[str, Any], path: Path, told: Told) -> None:
    """The same of a transition."""
    for key, value in config.items():
        if key not in _KNOWN["transition"]:
            _strange(key, value, (*path, key), "transition", _KNOWN["transition"], told)
    if said(config.get("description")):
        told.remark((*path, "description"), "a transition has no description here")
    reenter = config.get("reenter")
    if not isinstance(reenter, bool | None):
        told.wrong("wrong-type", f"expected true or false, found {shown(reenter)}", (*path, "reenter"))
    check_meta(config, path, told)


def check_meta(config: Mapping[str, Any], path: Path, told: Told) -> None:
    """Remark what lies in `meta` and is not ours."""
    meta = config.get("meta")
    if said(meta) and not (isinstance(meta, dict) and meta.keys() <= {"statewf"}):
        told.remark((*path, "meta"), "meta is not held")


def _strange(key: str, value: Any, path: Path, kind: str, known: Collection[str], told: Told) -> None:
    if key in V4:
        told.refuse(f"{key} (this is XState v4)", path, f"{V4[key]}; migrate the machine to v5")
    elif key in _KNOWN["compound"]:
        if said(value):
            told.refuse(f"{key} of a {kind} state", path, f"a {kind} state cannot have it here; remove it")
    elif key in ("route", "onSnapshot", "syncSnapshot"):
        told.refuse(key, path, "say it with events and transitions")
    else:
        meant = _ELSEWHERE.get(key) or nearest(key, known)
        hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}"
        told.wrong("unknown-key", f"the key {shown(key)} is not known here", path, hint)


def event_of(event: str, path: Path, told: Told, done: Callable[[str], str | None]) -> str | None:
    """What an event is called here; `done` knows the full name of a state by its id."""
    earlier = next((start for start in _EARLIER if event.startswith(start)), None)
    if event == "":
        told.refuse('the event "" (this is XState v4)', path, "v5 calls it always; migrate the machine to v5")
    elif earlier is not None:
        told.refuse(f"the event {event} (this is XState v4)", path, _EARLIER[earlier])
    elif event.startswith(_FINISHED) and not is_pattern(event):
        name = done(event.removeprefix(_FINISHED))
        if name is not None:
            return f"done.state.{name}"
        told.wrong("unknown-target", f"there is no state of the id {event.removeprefix(_FINISHED)}", path)
    elif event.startswith("xstate."):
        told.refuse(f"the event {event}", path, "write onDone, onError or after on the state that it is about")
    elif "*" in event and not (is_pattern(event) and event.count("*") == 1):
        told.refuse(f"the event {event}", path, "a wildcard is the whole of a name, or what follows its last dot")
    else:
        return event
    return None
