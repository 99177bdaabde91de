"""Somebody else's machine, named on the command line: a document in a file, or `MODULE:NAME` in Python.

A file is data and is never run. `MODULE:NAME`, or `PATH.py:NAME`, is imported, as the user asks for by naming it.

Above: `check` and `convert`. Below: `interop`, whose modules are imported when one is needed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import click

from statewf.errors import ConversionError, Diagnostic

if TYPE_CHECKING:
    from statewf.interop.conversion import Imported, Remark

Source: TypeAlias = Literal["statemachine", "transitions", "xstate", "scxml"]

_REFERENCE = re.compile(r"(?P<module>[\w.]+|.*\.py):(?P<name>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)")
HINT = "MODULE:NAME, with a class of python-statemachine or a machine of transitions"


def is_reference(argument: str) -> bool:
    """Whether an argument names something in Python, and no file."""
    return _REFERENCE.fullmatch(argument) is not None and not Path(argument).exists()


def referred(reference: str, source: Source | None = None) -> Imported:
    """The machine that `MODULE:NAME` is, of python-statemachine or transitions. Raises ConversionError."""
    subject = _found(reference)
    known = _kind(subject)
    if known is None or source not in (None, known):
        wanted = f"a machine of {source}" if source else "a machine that is known here"
        raise _wrong(f"{reference} is no {wanted.removeprefix('a ')}", reference)
    return _told(reference, lambda: _module(known).read(subject))


def document(path: str, source: Source) -> Imported:
    """The machine in a file of that format. Raises ConversionError."""
    from statewf.files import read_bytes

    text, name = read_bytes(Path(path), path), Path(path).stem
    match source:
        case "statemachine":
            raise _wrong("a class is written in Python", path)
        case "transitions":
            given = _mapping(text, path)
            imported = _told(path, lambda: _module(source).read_document(given))
            named = imported.definition if "name" in given else attrs.evolve(imported.definition, name=name)
            return attrs.evolve(imported, definition=named)
        case _:
            return _told(path, lambda: _module(source).read(text, name=name))


def tell_remarks(remarks: Sequence[Remark]) -> None:
    """What is said otherwise in the other format, on standard error."""
    from statewf.cli.tell import wrapped

    for remark in remarks:
        click.echo(wrapped(f"note: {remark}", "", err=True), err=True)


def documents(remarks: Sequence[Remark]) -> list[dict[str, str]]:
    """The same as JSON."""
    return [{"where": remark.where, "message": remark.message} for remark in remarks]


def _told(source: str, read: Callable[[], Imported]) -> Imported:
    """What is read; mistakes in it are told with the name of where they are."""
    try:
        return read()
    except ConversionError as error:
        raise ConversionError(error.diagnostics, source) from None


def _module(source: Source) -> Any:
    return import_module(f"statewf.interop.{source}")


def _mapping(text: bytes, path: str) -> Mapping[str, Any]:
    """The configuration in a JSON or YAML file."""
    from statewf.definition.document import document as parsed

    read = parsed(text, path)
    if read.mistakes:
        raise ConversionError([mistake.diagnostic(read.places) for mistake in read.mistakes], path)
    if not isinstance(read.value, dict):
        raise _wrong("expected an object of states, transitions and initial", path)
    return read.value


def _found(reference: str) -> object:
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise _wrong(f"{reference} names nothing in Python", reference)
    found: object = _imported(parts["module"], reference)
    for name in parts["name"].split("."):
        if not hasattr(found, name):
            raise _wrong(f"{parts['module']} has no {parts['name']}", reference)
        found = getattr(found, name)
    return found


def _imported(name: str, reference: str) -> ModuleType:
    from statewf.runtime.handlers import import_here

    try:
        return _from_file(name) if name.endswith(".py") else import_here(name)
    except Exception as error:  # whatever somebody's module raises is told in one line
        raise _wrong(f"{name} cannot be imported: {type(error).__name__}: {error}", reference) from error


def _from_file(path: str) -> ModuleType:
    spec = spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _kind(subject: object) -> Source | None:
    """Whose machine it is. What was imported says so: no library is loaded that the subject does not use."""
    kinds = subject.__mro__ if isinstance(subject, type) else type(subject).__mro__
    owners = {kind.__module__.partition(".")[0] for kind in kinds}
    if isinstance(subject, type):
        return "statemachine" if "statemachine" in owners else None
    known = next((source for source in ("statemachine", "transitions") if source in owners), None)
    return known or ("transitions" if callable(getattr(subject, "trigger", None)) else None)  # a model of a machine


def _wrong(message: str, source: str) -> ConversionError:
    return ConversionError([Diagnostic("bad-reference", message, hint=HINT)], source)


SOURCES: tuple[Source, ...] = get_args(Source)
