"""Telling the files of statewf from those of others, at a price that nobody notices who has none of ours.

First the beginning of a file is looked at, and only what seems to have an outermost key of ours is read: other people
have files with `steps` and a `machine`, too. Imports nothing before that. Above: the pytest plugin, `cli.scenarios`.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any, Literal, TypeAlias

SUFFIXES = (".yaml", ".yml", ".json")
BEGINNING = 65_536  # bytes that are looked at

Kind: TypeAlias = Literal["definition", "scenario"]

_KEY = rb"""["']?(states|steps|machine)["']?\s*:"""
_IN_LINES = re.compile(rb"^" + _KEY, re.MULTILINE)
_IN_BRACES = re.compile(rb"(?:[{,]|^)[ \t]{0,4}" + _KEY, re.MULTILINE)  # an outermost key is not set in by much
# What nobody else writes: enough for a file that cannot be read to be ours, and told.
_SURE = re.compile(
    rb"""(?:^|[{,])\s*["']?(?:initialState["']?\s*:|machine["']?\s*:\s*\S+\.(?:ya?ml|json)\b)""", re.MULTILINE
)


def kind_of(file: Path, *, meant: bool = False) -> Kind | None:
    """What a file is to statewf; None if it is somebody else's.

    One that is `meant`, for the user named it, is ours if it has a key of ours, though it be wrong or cannot be read.
    """
    text = _beginning(file) if file.suffix.lower() in SUFFIXES else b""
    keys = frozenset((_IN_BRACES if text.lstrip()[:1] in (b"{", b"[") else _IN_LINES).findall(text))
    if not keys:
        return None
    from statewf.errors import InputError
    from statewf.testing.files import document

    guess: Kind = "scenario" if keys == {b"machine"} else "definition"
    if meant:
        return guess
    try:
        return _kind(document(str(file)).value)
    except InputError:
        return guess if _SURE.search(text) else None


def _beginning(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(BEGINNING).removeprefix(BOM_UTF8)
    except OSError:
        return b""  # a link that leads nowhere


def _kind(value: Any) -> Kind | None:
    match value:
        case {"states": dict(states)} if "initialState" in value or (_moving(states) and "initial" not in value):
            return "definition"
        case {"steps": [*steps]} if steps and all(isinstance(step, dict) and "id" in step for step in steps):
            return None if _of_others(value) else "definition"
        case {"machine": str(machine)} if machine.lower().endswith(SUFFIXES):
            return "scenario"
        case _:
            return None


def _moving(states: dict[str, Any]) -> bool:
    """Whether these look like states whose machine lacks no more than its initial one."""
    return any(isinstance(state, dict) and ("on" in state or "terminal" in state) for state in states.values())


def _of_others(workflow: dict[str, Any]) -> bool:
    """Whether most keys of its steps are none of ours: builds have steps with an `id`, too."""
    import attrs

    from statewf.definition.model import Step
    from statewf.definition.words import camel

    ours = {camel(field.name).rstrip("_") for field in attrs.fields(Step)}
    keys = [key for step in workflow["steps"] for key in step if key != "id"]
    return sum(key in ours for key in keys) * 2 < len(keys)
