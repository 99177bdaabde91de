"""What the verbs share: options, reading input, one JSON document, one way to tell a mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from statewf.errors import DataError, Diagnostic, EventRejected, InputError, StatewfError

if TYPE_CHECKING:
    from statewf.checker import Report
    from statewf.machine.fsm import Machine

Verb = TypeVar("Verb", bound=Callable[..., Any])

DATABASE = "statewf.db"


def db_option(verb: Verb) -> Verb:
    """`--db PATH`."""
    text = "The store, a SQLite file."
    return click.option("--db", default=DATABASE, show_default=True, metavar="PATH", help=text)(verb)


def json_option(verb: Verb) -> Verb:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")(verb)


def handlers_option(verb: Verb) -> Verb:
    """`--handlers module[:name]`."""
    text = "The Python module (or mapping in it) whose functions are the handlers."
    return click.option("--handlers", metavar="MODULE[:NAME]", help=text)(verb)


def asked_json() -> bool:
    """Whether this invocation is to print JSON, also when its options could not be read."""
    context = click.get_current_context(silent=True)
    return bool(context and context.params.get("as_json"))


def print_json(document: Any) -> None:
    """The one document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def read_json(text: str | None, what: str) -> Any:
    """JSON given on the command line, as it is or as `@file`. Raises DataError with line and reason."""
    if text is None:
        return None
    source = what
    if text.startswith("@"):
        source = text[1:]
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise DataError([Diagnostic("unreadable", f"cannot be read: {reason}")], source) from None
    from statewf.definition.document import document

    try:
        read = document(text, source, "json")
    except InputError as error:
        raise DataError(error.diagnostics, source) from None
    if read.mistakes:
        raise DataError([mistake.diagnostic(read.places) for mistake in read.mistakes], source)
    return read.value


def compiled(path: str) -> Machine:
    """The machine in a file. Raises DefinitionError or CompileError when it must not run."""
    machine, _ = checked(path)
    return machine


def checked(path: str) -> tuple[Machine, Report]:
    """The machine in a file and its report, without errors."""
    from statewf.checker import check
    from statewf.compiler import compile_definition
    from statewf.errors import CompileError
    from statewf.files import load

    machine = compile_definition(load(path))
    report = check(machine)
    if not report.ok:
        wrong = [finding for finding in report.findings if finding.severity == "error"]
        raise CompileError((Diagnostic(f.rule, f.message, f.where, f.line, f.hint) for f in wrong), path)
    return machine, report


def tell_error(error: StatewfError) -> int:
    """Print an error as people or programs read it; its exit code."""
    code = 1 if isinstance(error, EventRejected) else 2
    if asked_json():
        print_json(error_document(error))
    else:
        click.echo(f"{click.style('error', fg='red', bold=True)}: {error}", err=True)
    return code


def error_document(error: StatewfError) -> dict[str, Any]:
    """An error as a JSON document."""
    match error:
        case InputError():
            errors = [
                {"code": d.code, "message": d.message, "path": d.path, "line": d.line, "hint": d.hint}
                for d in error.diagnostics
            ]
            return {"ok": False, "source": error.source, "errors": errors}
        case EventRejected():
            return {
                "event": error.event,
                "disposition": "rejected",
                "reason": error.reason,
                "message": error.message,
                "allowed": list(error.allowed),
                "faults": list(error.faults),
            }
        case _:
            kind = type(error).__name__
            return {"ok": False, "errors": [{"code": kind, "message": str(error)}]}
