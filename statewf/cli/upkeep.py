"""Verbs for stores that live long: `archive`, `backup`, `verify`. All may be used while a service runs on the store.

Here are the files, the clock and the pauses; what is done to a store is in `history.upkeep` and `history.damage`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from statewf.cli.common import db_option, json_option, print_json
from statewf.cli.waiting import bar
from statewf.errors import DataError, Diagnostic

if TYPE_CHECKING:
    from statewf.history import Sqlite
    from statewf.history.damage import Finding

SHORTEST_PAUSE = 0.01  # seconds between two transactions; else as long as the last one took
MOST_TOLD = 100  # findings that people are shown; all are in `--json`
BESIDE = ("-wal", "-journal")  # what lies beside a store that is open, or was not closed


# --- archive


def _age(_: click.Context, __: click.Parameter, text: str) -> int:
    from statewf.values.duration import HINT, milliseconds

    try:
        return milliseconds(int(text) if text.strip().isdecimal() and len(text) < MOST_TOLD else text)
    except ValueError as error:
        raise click.BadParameter(f"{error}; {HINT}.") from None


@click.command("archive")
@click.option(
    "--older-than", "age", required=True, metavar="AGE", callback=_age, help="Ended so long ago: 30d, 12h, 0."
)
@click.option("--into", metavar="FILE", help="Append each one, with its history, to this file, as a line of JSON.")
@click.option("--dry-run", is_flag=True, help="Only say how many would go.")
@db_option
@json_option
def archive_verb(age: int, into: str | None, dry_run: bool, db: str, as_json: bool) -> None:
    """Remove what ended long ago from a store.

    What was started with a request id leaves behind how it ended: the same request does not run again. Without --into
    the histories are gone for good. With it they are in that file, and on the disk, before they go; an archive that was
    interrupted may write some of them once more.
    """
    from statewf.cli.look import opened
    from statewf.history.upkeep import ended

    before = time.time_ns() // 1_000_000 - age
    with opened(db) as store:
        if dry_run:
            gone = ended(store, before)
        else:
            with _lines(into, db) as keep:
                gone = _archived(store, before, keep, quiet=as_json)
    if as_json:
        print_json({"archived": gone, "before": before, "into": into, "dryRun": dry_run})
        return
    what = f"{gone:,} instance{'s' if gone != 1 else ''}"
    done = f"{what} would go from" if dry_run else f"archived {what} of"
    click.echo(f"{done} {db}" + (f", into {into}" if into and gone else ""))


def _archived(
    store: Sqlite, before: int, keep: Callable[[Sequence[dict[str, Any]]], None] | None, *, quiet: bool
) -> int:
    """Archive, with a pause after each transaction; how many went."""
    from statewf.history.upkeep import archive, ended

    gone = 0
    with bar("archiving", quiet=quiet) as moved:
        every = ended(store, before)
        began = time.monotonic()
        try:
            for some in archive(store, before, keep):
                gone += some
                moved(gone, max(gone, every))
                time.sleep(max(SHORTEST_PAUSE, time.monotonic() - began))
                began = time.monotonic()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"; {gone:,} were archived before") from None
    return gone


@contextmanager
def _lines(path: str | None, db: str) -> Iterator[Callable[[Sequence[dict[str, Any]]], None] | None]:
    """What appends documents to a file, and returns when they are on the disk; None if there is no file."""
    if path is None:
        yield None
        return
    _refuse_store(path, db)
    try:
        with Path(path).open("a+b") as file:
            _begin_line(file, path)
            _sync_folder(Path(path))
            yield lambda documents: _append(file, documents)
    except OSError as error:
        if error.filename is None:  # a full disk does not say where
            error.filename = path
        raise


def _begin_line(file: IO[bytes], path: str) -> None:
    """Make sure that what is appended begins a line: somebody may have died within the last one."""
    file.seek(0)
    if file.read(1) not in (b"", b"{"):
        hint = "--into appends to a file of its own, or to a new one"
        raise DataError([Diagnostic("no-archive", "is something else than an archive", hint=hint)], path)
    if size := file.seek(0, os.SEEK_END):
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _append(file: IO[bytes], documents: Sequence[dict[str, Any]]) -> None:
    from statewf.values.canonical import compact

    for document in documents:
        file.write(compact(document).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


# --- backup


@click.command("backup")
@click.argument("target")
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@db_option
@json_option
def backup_verb(target: str, force: bool, db: str, as_json: bool) -> None:
    """Copy a store, also while a service runs on it.

    TARGET is the store as it was when the copying began. It gets its name when it is whole, on the disk and found
    to be sound; until then a file of that name stays what it is.
    """
    from statewf.cli.look import opened

    path = Path(target)
    _refuse_store(target, db)
    _refuse_target(path, force=force)
    with opened(db, as_it_is=True) as store:
        _backed_up(store, path, quiet=as_json)
        schema = store.database.schema()
    size = path.stat().st_size
    if as_json:
        print_json({"backup": target, "bytes": size, "schema": schema})
    else:
        click.echo(f"{target} is a copy of {db} ({size / 1e6:,.1f} MB)")


def _refuse_store(path: str, db: str) -> None:
    with suppress(OSError):
        if Path(path).samefile(db):
            raise DataError([Diagnostic("same-file", "is the store itself", hint="choose another file")], path)


def _refuse_target(path: Path, *, force: bool) -> None:
    found = None
    if path.is_dir():
        found = Diagnostic("target-exists", "is a directory", hint="give the name of a file in it")
    elif any(Path(f"{path}{end}").exists() for end in BESIDE):
        told = "is a store that is open, or was not closed: its last commits lie beside it"
        found = Diagnostic("target-open", told, hint="choose another name: what lies there would spoil the copy")
    elif path.exists() and not force:
        found = Diagnostic("target-exists", "is there already", hint="--force replaces it")
    elif not path.parent.is_dir():
        found = Diagnostic("no-folder", f"there is no folder {path.parent}")
    if found is not None:
        raise DataError([found], str(path))


def _backed_up(store: Sqlite, path: Path, *, quiet: bool) -> None:
    """Copy under a name that nobody knows, and rename it in the end: nobody ever sees half a copy."""
    from statewf.history.upkeep import copy

    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.touch(mode=0o600, exist_ok=False)  # who may not read the store may not read what is copied so far
        with bar("copying", quiet=quiet) as moved:
            copy(store, str(part), moved)
        shutil.copymode(store.path, part)
        _sync(part)
        part.replace(path)
        _sync_folder(path)
    finally:
        for left in (part, *(Path(f"{part}{end}") for end in (*BESIDE, "-shm"))):
            left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    """Make sure that a new name is on the disk, where folders can be opened."""
    with suppress(OSError):
        _sync(path.absolute().parent)


# --- verify


@click.command("verify")
@click.option("--quick", is_flag=True, help="Only the file, without the histories in it.")
@db_option
@json_option
def verify_verb(quick: bool, db: str, as_json: bool) -> None:
    """Look for damage in a store.

    In the file itself, in what refers to what, and in each history: it is replayed, and has to come to what is told of
    its instance. Nothing is changed.
    """
    from statewf.cli.look import opened
    from statewf.history.damage import verify
    from statewf.runtime.machines import Machines

    with opened(db, as_it_is=True) as store, bar("verifying", quiet=as_json) as moved:
        found = list(verify(store, Machines(store).get, quick=quick, moved=moved))
        schema = store.database.schema()
    sound = not any(finding.severity == "error" for finding in found)
    if as_json:
        told = [{n: getattr(f, n) for n in ("rule", "severity", "where", "message")} for f in found]
        print_json({"ok": sound, "schema": schema, "quick": quick, "findings": told})
    else:
        _tell(found, f"{db} (schema {schema})")
    click.get_current_context().exit(0 if sound else 1)


def _tell(found: Sequence[Finding], store: str) -> None:
    from statewf.cli.tell import mistake

    for finding in found[:MOST_TOLD]:
        told = Diagnostic(finding.rule, finding.message)
        click.echo(mistake(finding.where, told, finding.severity))
    if len(found) > MOST_TOLD:
        click.echo(f"and {len(found) - MOST_TOLD:,} more; --json has all")
    wrong = sum(finding.severity == "error" for finding in found)
    click.echo(f"{store}: {wrong:,} thing{'s' if wrong != 1 else ''} wrong" if wrong else f"{store} is sound")
