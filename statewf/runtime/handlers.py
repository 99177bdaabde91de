"""Handlers: plain functions by name, from a mapping or a module."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from statewf.errors import Diagnostic, HandlersError

if TYPE_CHECKING:
    from statewf.machine.fsm import Machine
    from statewf.machine.work import Work

Handler: TypeAlias = "Callable[[Work], Any] | Callable[[Work], Awaitable[Any]]"
Handlers: TypeAlias = Mapping[str, Handler]


def import_handlers(spec: str) -> dict[str, Handler]:
    """The handlers of `module` or `module:name`: a mapping, or every public function of the module.

    A function answers to its own name and, since names in definitions are often written with hyphens,
    to that one with hyphens for underscores. Raises HandlersError with the reason.
    """
    module_name, _, name = spec.partition(":")
    try:
        module = import_here(module_name)
    except Exception as error:  # whatever somebody's module raises is told in one line
        raise _mistake(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    if name:
        if not hasattr(module, name):
            raise _mistake(f"{module_name} has no {name}")
        return _mapping(getattr(module, name), spec)
    if isinstance(getattr(module, "handlers", None), Mapping):
        return _mapping(module.handlers, spec)
    found = inspect.getmembers(module, inspect.isfunction)
    public = {n: f for n, f in found if not n.startswith("_") and f.__module__ == module.__name__}
    return {**{n.replace("_", "-"): f for n, f in public.items()}, **public}


def import_here(name: str) -> ModuleType:
    """A module by its name, which may also lie in the working directory, as for `python -m`."""
    if "" not in sys.path and "." not in sys.path:
        sys.path.insert(0, "")
    return import_module(name)


def _mapping(value: object, spec: str) -> dict[str, Handler]:
    if not isinstance(value, Mapping) or not all(callable(handler) for handler in value.values()):
        raise _mistake(f"{spec} is not a mapping of names to functions")
    return dict(value)


def missing(machine: Machine, handlers: Handlers) -> HandlersError | None:
    """Why a machine cannot be performed with these handlers, if it cannot."""
    absent = [name for name in machine.handlers() if name not in handlers]
    if not absent:
        return None
    known = ", ".join(handlers) or "none"
    return HandlersError(
        Diagnostic(
            "missing-handler", f"{machine.name} calls {name}, which no handler answers to", hint=f"known: {known}"
        )
        for name in absent
    )


def _mistake(message: str) -> HandlersError:
    return HandlersError([Diagnostic("bad-handlers", message, hint="--handlers module or module:mapping")])
