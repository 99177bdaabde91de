"""Guards: names, which context answers for, what XState builds of them, and conditions as their text.

A guard with `params` is a name of its own, `isOver({"limit": 3})`: with other params it asks something else. What
JSON has of `and`, `or`, `not` and `stateIn` is read if it holds the parts. A condition that is more than a name is
written as `{type: "expression", params: {text}}`; one that asks for states as the name `expression(...)`, for only
a guard of its own, made with `stateIn`, can see them there.

Below: `expr`, `names`, `told`. Above: `reading`, `writing`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from statewf.compiler.asking import STATE
from statewf.definition.places import shown
from statewf.definition.words import expression
from statewf.expr import Expression, conjunction, of_node
from statewf.expr.syntax import Call, Literal, Logical, Name, Unary
from statewf.interop.names import by_name, names_in
from statewf.interop.xstate.told import Path, Told
from statewf.values.frozen import freeze, thaw

Find: TypeAlias = Callable[[str, Path], str | None]  # the full name of the state that a reference means

EXPRESSION = "expression"
_NAMED_TEXT = re.compile(rf"{EXPRESSION}\((.*)\)", re.DOTALL)
_WITH_PARAMS = re.compile(r"([^(]+)\((\{.*\}|\[.*\])\)", re.DOTALL)
_PROVIDED = (
    "provide the guard expression: it answers params.text, of context, inputs and event; the data of each event "
    "goes into the context here, so provide assigns for what is asked of it"
)
_BUILT = ("and", "or", "not", "stateIn")
_LOST = "its parts are functions, which JSON does not hold; give it a name of its own"


def read_guard(value: Any, path: Path, told: Told, find: Find) -> Expression | None:
    """The condition that a guard stands for; None if there is none, or it was refused."""
    match value:
        case str() if value.strip():
            text = _NAMED_TEXT.fullmatch(value)
            return told.tried(path, expression, text[1]) if text else by_name([value])
        case {"type": str(kind)} if kind.strip():
            return _object(kind, value, path, told, find)
        case None:
            told.refuse("a guard that is a function", path, "give it a name: JSON does not hold functions")
        case _:
            told.wrong("wrong-type", f"expected the name of a guard, found {shown(value)}", path)
    return None


def _object(kind: str, value: dict[str, Any], path: Path, told: Told, find: Find) -> Expression | None:
    params = value.get("params")
    if kind == EXPRESSION and isinstance(params, dict) and isinstance(params.get("text"), str):
        return told.tried((*path, "params", "text"), expression, params["text"])
    built = kind.removeprefix("xstate.")
    if built in _BUILT:
        inner = {**value, **params} if isinstance(params, dict) else value
        return (
            _state_in(inner, path, told, find) if built == "stateIn" else _combined(built, inner, path, told, find)
        )
    for key in set(value) - {"type", "params"}:
        told.wrong(
            "unknown-key", f"the key {shown(key)} of a guard is not known", (*path, key), "give it in params"
        )
    return by_name([_with_params(kind, params)])


def _combined(built: str, inner: dict[str, Any], path: Path, told: Told, find: Find) -> Expression | None:
    listed = inner.get("guards", inner.get("guard"))
    parts = listed if isinstance(listed, list) else [listed]
    if listed is None or None in parts or not parts or (built == "not" and len(parts) > 1):
        told.refuse(f"the guard {built}", path, _LOST)
        return None
    read = [read_guard(part, path, told, find) for part in parts]
    known = [part for part in read if part is not None]
    if len(known) < len(parts):
        return None
    if built == "not":
        return of_node(Unary("!", known[0].node))
    if built == "and" or len(known) == 1:
        return conjunction(known)
    return of_node(Logical("||", tuple(part.node for part in known)))


def _state_in(inner: dict[str, Any], path: Path, told: Told, find: Find) -> Expression | None:
    value = next((inner[key] for key in ("stateValue", "stateId", "state", "value") if key in inner), None)
    references = list(_references(value))
    if not references:
        told.refuse("the guard stateIn", path, "say which state, as in stateValue: '#id'")
        return None
    found = [find(reference, path) for reference in references]
    return conjunction(
        [of_node(Call("includes", (Name(STATE), Literal(name)))) for name in found if name is not None]
    )


def _references(value: Any, around: str = "") -> Iterator[str]:
    """The states that a state value says to be active, from the machine itself."""
    match value:
        case str() if value.startswith("#"):
            yield value
        case str():
            yield f"{around}.{value}"
        case dict():
            for key, inner in value.items():
                here = f"{around}.{escaped(key)}"
                yield from _references(inner, here) if inner else (here,)
        case _:
            return


def _with_params(kind: str, params: Any) -> str:
    return f"{kind}({json.dumps(thaw(freeze(params)), ensure_ascii=False, sort_keys=True)})" if params else kind


def escaped(key: str) -> str:
    """A key of `states` as it stands in a path."""
    return key.replace("\\", "\\\\").replace(".", "\\.")


# --- to XState


def write_guard(guard: Expression, path: Path, told: Told) -> str | dict[str, Any]:
    """The guard that asks for that; what must be provided for it is remarked."""
    roots = {root for root, *_ in guard.reads}
    if "attempt" in roots:
        told.refuse("a condition on attempt", path, "XState counts no attempts; count them in the context")
    names = names_in(guard)
    if names is not None and len(names[0]) == 1 and not names[1] and by_name(names[0]) == guard:
        (name,) = names[0]
        if name.strip() and not _NAMED_TEXT.fullmatch(name):
            return _named(name)
    if STATE in roots:
        told.remark(path, "provide a guard of this very name; it is made with and, or, not and stateIn")
        return f"{EXPRESSION}({guard.text})"
    told.remark((), _PROVIDED)
    return {"type": EXPRESSION, "params": {"text": guard.text}}


def _named(name: str) -> str | dict[str, Any]:
    """A name, which may have params in it."""
    found = _WITH_PARAMS.fullmatch(name)
    try:
        params = json.loads(found[2]) if found else None
    except (ValueError, RecursionError):
        return name
    if found is None or not params or _with_params(found[1], params) != name:
        return name
    return {"type": found[1], "params": params}
