"""What the verbs share: options, reading input, compiling a file, and the one JSON document."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from statewf.errors import DataError, Diagnostic, InputError
from statewf.testing.files import compiled as compiled  # noqa: PLC0414  # the verbs know it from here
from statewf.testing.files import not_a_definition

if TYPE_CHECKING:
    from statewf.definition.document import Document
    from statewf.machine.fsm import Machine

Verb = TypeVar("Verb", bound=Callable[..., Any])

DATABASE = "statewf.db"
QUEUE = "statewf"  # the task queue of Temporal, where none is named
NAMESPACE = "default"  # likewise
MOST_RUNS = 10_000_000  # lives that are drawn


class Server(NamedTuple):
    """A Temporal server, and the namespace in it."""

    address: str
    namespace: str

    @property
    def named(self) -> str:
        """What names it on the command line."""
        of = f" --namespace {self.namespace}" if self.namespace != NAMESPACE else ""
        return f"--temporal {self.address}{of}"


def _named(_: click.Context, __: click.Parameter, path: str) -> str:
    """SQLite takes an empty name for a file that it deletes at the end: nothing would be kept."""
    if not path:
        raise click.BadParameter("it is empty, and so nothing would be kept.")
    return path


def in_store(db: str) -> str:
    """What names a store on the command line; nothing for the one that is meant without a name."""
    return "" if db == DATABASE else f"--db {shlex.quote(db)}"


def db_option(verb: Verb) -> Verb:
    """`--db PATH`."""
    text = "The store, a SQLite file."
    named: Verb = click.option(
        "--db", default=DATABASE, show_default=True, metavar="PATH", callback=_named, is_eager=True, help=text
    )(verb)
    return named


def place_options(verb: Verb) -> Verb:
    """`--db PATH`, or `--temporal HOST:PORT`: where instances are kept. The verb is given `db`, and `server` or None."""
    return db_option(server_option(required=False)(verb))


def server_option(*, required: bool) -> Callable[[Verb], Verb]:
    """`--temporal HOST:PORT` and `--namespace NS`, as `server`. It is read last, so that it knows what else was given."""
    text = "The Temporal server." if required else "A Temporal server in place of a store."
    server = click.option(
        "--temporal", "server", required=required, metavar="HOST:PORT", callback=_server, help=text
    )

    def named(verb: Verb) -> Verb:
        text = "The namespace of the Temporal server."
        return server(
            click.option(
                "--namespace",
                default=NAMESPACE,
                envvar="TEMPORAL_NAMESPACE",
                show_default=True,
                metavar="NS",
                is_eager=True,
                help=text,
            )(verb)
        )

    return named


def queue_option(verb: Verb) -> Verb:
    """`--queue NAME`."""
    text = "The task queue of the Temporal server."
    return click.option("--queue", default=QUEUE, show_default=True, metavar="NAME", is_eager=True, help=text)(verb)


def _server(context: click.Context, _: click.Parameter, address: str | None) -> Server | None:
    """The server that is meant, if one is."""
    namespace = context.params.pop("namespace")
    given = [
        name
        for name in ("db", "namespace", "queue")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if address is None:
        if beside := [name for name in given if name != "db"]:
            raise click.UsageError(f"--{beside[0]} is of a Temporal server: --temporal HOST:PORT says of which.")
        return None
    if "db" in given:
        raise click.UsageError("An instance is kept in one place: give either --db or --temporal.")
    if not re.fullmatch(r"([^\s:/@\[\]]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}", address):
        raise click.BadParameter(f"{address!r} is not HOST:PORT, such as localhost:7233.")
    for name, value in (("namespace", namespace), ("queue", context.params.get("queue", QUEUE))):
        if not value.strip():
            raise click.BadParameter("it is empty.", param_hint=f"--{name}")
    return Server(address, namespace)


def none_perform(server: Server | None, handlers: str | None) -> None:
    """Refuse handlers where a Temporal server is asked: a verb performs nothing there. Raises click.UsageError."""
    if server is not None and handlers is not None:
        works = f"statewf worker {server.named} --handlers {handlers or 'MODULE'}"
        raise click.UsageError(f"With --temporal a worker performs, and has the handlers: `{works}`.")


def json_option(verb: Verb) -> Verb:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")(verb)


def assume_option(verb: Verb) -> Verb:
    """`--assume FILE`."""
    text = "What handlers, people and events are assumed to do, how likely, and when (YAML or JSON)."
    return click.option("--assume", metavar="FILE", help=text)(verb)


def history_option(verb: Verb) -> Verb:
    """`--from-history`."""
    text = "Assume what the newest instances went through, where --assume says nothing."
    return click.option("--from-history", is_flag=True, help=text)(verb)


def handlers_option(verb: Verb) -> Verb:
    """`--handlers module[:name]`."""
    text = "The Python module (or mapping in it) whose functions are the handlers."
    return click.option("--handlers", metavar="MODULE[:NAME]", help=text)(verb)


def print_json(document: Any) -> None:
    """The one document on standard output; in ASCII where that cannot hold all characters."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.set_int_max_str_digits(0)  # a wide workflow has more configurations than that has digits
    click.echo(json.dumps(document, ensure_ascii=encoding.lower() != "utf-8", indent=2))


def discard_output() -> None:
    """Standard output goes nowhere from now on: whoever read it has gone, or its disk is full."""
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, sys.stdout.fileno())
    os.close(void)


def write_text(path: str, text: str) -> None:
    """Write a file. Raises InputError when that cannot be."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError([Diagnostic("unwritable", f"cannot be written: {error.strerror}")], path) from None


def read_object(text: str | None, what: str) -> dict[str, Any] | None:
    """A JSON object given on the command line, as it is or as `@file`; None for nothing, or null.

    Raises DataError with every mistake, its line and where it came from.
    """
    read = _read(text, what)
    if read is None or read.value is None or isinstance(read.value, dict):
        return None if read is None else read.value
    from statewf.definition.places import shown

    message = f"expected an object of names and values, found {shown(read.value)}"
    raise DataError([Diagnostic("not-an-object", message, hint='such as {"total": 30}')], read.places.source)


def read_value(text: str | None, what: str) -> Any:
    """Any JSON given on the command line, likewise."""
    read = _read(text, what)
    return None if read is None else read.value


def _read(text: str | None, what: str) -> Document | None:
    if text is None:
        return None
    return _read_file(text[1:]) if text.startswith("@") else _read_text(text, what)


def _read_file(path: str) -> Document:
    from statewf.files import read_bytes

    if not path:
        raise DataError([Diagnostic("unreadable", "no file is named", hint="write @ and the file's path")], "@")
    try:
        return _read_text(read_bytes(Path(path), path), path)
    except InputError as error:
        raise DataError(error.diagnostics, path) from None


def _read_text(text: str | bytes, source: str) -> Document:
    from statewf.definition.document import document

    try:
        read = document(text, source, "json")
    except InputError as error:
        raise DataError(not_a_definition(error), source) from None
    if read.mistakes:
        raise DataError([mistake.diagnostic(read.places) for mistake in read.mistakes], source)
    return read


def is_workflow(machine: Machine) -> bool:
    """Whether it has steps, and not states."""
    from statewf.definition.model import Workflow

    return isinstance(machine.notes.definition, Workflow)
