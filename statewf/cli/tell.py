"""How mistakes are told: to people in lines as compilers write them, to programs as one JSON document.

Above: `main`, to which every error comes, and the verbs that tell several (`check`, `test`).
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import click

from statewf.cli.common import print_json
from statewf.errors import Archived, Diagnostic, EventRejected, InputError, StatewfError
from statewf.testing import telling
from statewf.testing.telling import Severity
from statewf.testing.telling import one_line as one_line  # noqa: PLC0414  # the verbs know it from here

COLOURS = {"error": "red", "warning": "yellow"}
INTERRUPTED = 130  # the exit code of a shell for what Ctrl-C ended


def tell(error: BaseException, *, as_json: bool) -> int:
    """Print an error as people or programs read it; its exit code."""
    if as_json:
        print_json(document(error))
    else:
        _show(error)
    match error:
        case EventRejected() | Archived():
            return 1
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case _:
            return 2


def _show(error: BaseException) -> None:
    match error:
        case InputError():
            for line in lines(error, err=True):
                click.echo(line, err=True)
        case click.ClickException():
            error.show()
        case EventRejected():
            click.echo(rejection(error), err=True)
        case KeyboardInterrupt() | click.Abort():
            click.echo(wrapped(_message(error), "", err=True), err=True)
        case _:
            click.echo(_styled(wrapped(f"error: {_message(error)}", "", err=True), "error"), err=True)


def document(error: BaseException) -> dict[str, Any]:
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
            return {"ok": False, "source": None, "errors": [_plain(_code(error), _message(error))]}


def _plain(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "path": None, "line": None, "hint": None}


def _code(error: BaseException) -> str:
    match error:
        case click.ClickException():
            return "usage"
        case KeyboardInterrupt() | click.Abort():
            return "interrupted"
        case StatewfError():
            return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
        case OSError() | UnicodeEncodeError():
            return "input-output"
        case _:
            return "internal-error"


def _message(error: BaseException) -> str:
    match error:
        case click.ClickException():
            return error.format_message()
        case KeyboardInterrupt() | click.Abort():
            return f"interrupted{error.__cause__ or error}"  # click wraps it, having ended the line of the ^C
        case StatewfError():
            return one_line(str(error))
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return f"{name}{error.strerror or error}"
        case UnicodeEncodeError():
            return one_line(f"this is no Unicode text: {error.object!r}")
        case _:
            said = one_line(f"{type(error).__name__}: {error}")
            return f"{said} (this is a bug in statewf; STATEWF_TRACEBACK=1 shows where)"


def rejection(error: EventRejected, hint: str | None = None) -> str:
    """Why an event was refused, and what may help; for standard error."""
    told = wrapped(one_line(str(error)), "", err=True)
    return f"{told}\n{below(hint, err=True)}" if hint else told


# --- mistakes in documents


def lines(error: InputError, *, err: bool = False, indent: str = "") -> Iterator[str]:
    """Every mistake as a line, and its hint below it; `err`: for standard error."""
    for diagnostic in error.diagnostics:
        yield mistake(error.source, diagnostic, "error", err=err, indent=indent)
        if diagnostic.hint:
            yield below(diagnostic.hint, err=err, indent=indent)


def mistake(
    source: str | None, found: Diagnostic, severity: Severity, *, err: bool = False, indent: str = ""
) -> str:
    """One mistake as a compiler tells it, in colours and as wide as the terminal."""
    return _styled(wrapped(telling.mistake(source, found, severity), indent, err=err), severity)


def below(text: str, *, err: bool = False, indent: str = "") -> str:
    """What is said below a line, set in."""
    return wrapped(one_line(text), indent + "    ", err=err)


def _styled(line: str, severity: Severity) -> str:
    return line.replace(f"{severity}:", click.style(severity, fg=COLOURS[severity], bold=True) + ":", 1)


def wrapped(text: str, indent: str, *, err: bool) -> str:
    """On a terminal, in lines of its width, broken between words; elsewhere in one line."""
    stream = sys.stderr if err else sys.stdout
    if stream is None or not stream.isatty():
        return indent + text
    width = max(40, shutil.get_terminal_size().columns)
    folded = wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent or "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(folded)
