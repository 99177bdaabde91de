"""`archive`, `backup`, `verify`: for people and for programs, and beside a service."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from statewf.cli import upkeep as verbs
from statewf.errors import StoreError
from statewf.history import upkeep
from tests.cli.support import Cli, Said, Terminal, ended, process, until
from tests.history.test_upgrade import of_today

Write = Callable[[str], str]

OLD = Path(__file__).parents[1] / "history" / "schema_3.sql"
WORK = "def work(call): return {}"


@pytest.fixture
def closed(cli: Cli) -> str:
    """An instance of a request, that was cancelled, beside one that goes on."""
    instance: str = cli("start", "door.yaml", "--request-id", "R-1", "--json").json["instance"]
    cli("cancel", instance)
    cli("start", "door.yaml")
    return instance


def states(cli: Cli, db: str = "statewf.db") -> list[str]:
    return sorted(card["state"] for card in cli("list", "--db", db, "--json").json)


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def change(statement: str, path: str = "statewf.db") -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(statement)


def lines(path: str = "old.jsonl") -> list[Any]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@contextmanager
def serving(module: str) -> Iterator[None]:
    """A service on the store."""
    service = process("serve", "--handlers", module)
    try:
        until(lambda: Path("statewf.db-wal").exists())
        assert service.stderr is not None
        assert "serving statewf.db" in service.stderr.readline()
        yield
    finally:
        service.send_signal(signal.SIGTERM)
        assert ended(service).code == 0


# --- archive


def test_archive_removes_what_ended(cli: Cli, closed: str) -> None:
    assert cli("archive", "--older-than", "1d").out == "archived 0 instances of statewf.db\n"
    assert states(cli) == ["$cancelled", "closed"]
    said = cli("archive", "--older-than", "0")
    assert (said.code, said.out, said.err) == (0, "archived 1 instance of statewf.db\n", "")
    assert states(cli) == ["closed"]


def test_archive_says_beforehand_how_many_would_go(cli: Cli, closed: str) -> None:
    said = cli("archive", "--older-than", "0", "--dry-run", "--into", "old.jsonl")
    assert (said.code, said.out) == (0, "1 instance would go from statewf.db, into old.jsonl\n")
    assert states(cli) == ["$cancelled", "closed"]
    assert not Path("old.jsonl").exists()
    document = cli("archive", "--older-than", "0s", "--dry-run", "--json").json
    assert document.pop("before") > 1_700_000_000_000
    assert document == {"archived": 1, "into": None, "dryRun": True}


def test_archive_appends_to_a_file(cli: Cli, closed: str) -> None:
    said = cli("archive", "--older-than", "0ms", "--into", "old.jsonl", "--json")
    assert (said.json["archived"], said.json["into"]) == (1, "old.jsonl")
    second = cli("start", "door.yaml", "--json").json["instance"]
    cli("cancel", second)
    said = cli("archive", "--older-than", "0", "--into", "old.jsonl")
    assert said.out == "archived 1 instance of statewf.db, into old.jsonl\n"
    assert [document["instance"] for document in lines()] == [closed, second]
    assert [row["event"] for row in lines()[0]["history"]] == ["$start", "$cancel"]


def test_a_line_that_somebody_died_in_spoils_no_other(cli: Cli, closed: str) -> None:
    Path("old.jsonl").write_text('{"instance": "do')
    assert cli("archive", "--older-than", "0", "--into", "old.jsonl").code == 0
    torn, whole = Path("old.jsonl").read_text().splitlines()
    assert torn == '{"instance": "do'
    assert json.loads(whole)["instance"] == closed


def test_who_is_killed_meanwhile_has_lost_nothing(cli: Cli) -> None:
    """An instance may be in the file twice; if it is in neither place, it is lost."""
    started = {cli("start", "door.yaml", "--json").json["instance"]}
    with closing(sqlite3.connect("statewf.db", isolation_level=None)) as db:
        columns = (
            "machine, name, request_id, inputs, created, updated, seq, 'locked', 'success', due, busy, weight, most"
        )
        numbers = "WITH RECURSIVE n (n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)"
        db.execute(f"INSERT INTO instance {numbers} SELECT n, 'door-' || n, {columns} FROM n, instance")
    started |= {f"door-{number}" for number in range(100, 10001)}
    for _ in range(3):
        run = process("archive", "--older-than", "0", "--into", "old.jsonl")
        size = written()
        until(partial(grown, size + 50_000))
        run.send_signal(signal.SIGKILL)
        assert ended(run).code == -signal.SIGKILL
        left = {card["instance"] for card in cli("list", "--limit", "20000", "--json").json}
        assert left | set(whole_lines()) == started
    assert cli("archive", "--older-than", "0", "--into", "old.jsonl").code == 0
    assert set(whole_lines()) == started - {card["instance"] for card in cli("list", "--json").json}
    assert states(cli) == ["closed"]


def written() -> int:
    return Path("old.jsonl").stat().st_size if Path("old.jsonl").exists() else 0


def grown(size: int) -> bool:
    return written() > size


def whole_lines() -> Iterator[str]:
    for line in Path("old.jsonl").read_text().splitlines():
        if line.endswith("]}"):
            yield json.loads(line)["instance"]


WRONG: list[tuple[list[str], str]] = [
    ([], "Missing option '--older-than'"),
    (["--older-than", "soon"], "'soon' is not a duration; give milliseconds (30000) or text such as"),
    (["--older-than", "-3d"], "is not a duration"),
    (["--older-than", "9" * 50], "more than a hundred years"),
    (["--older-than", "9" * 5_000], "is not a duration"),
    (["--older-than", ""], "is not a duration"),
    (["--older-than", "0", "--into", "door.yaml"], "door.yaml: error: is something else than an archive"),
    (["--older-than", "0", "--into", "statewf.db"], "statewf.db: error: is the store itself"),
    (["--older-than", "0", "--into", "."], "Is a directory"),
    (["--older-than", "0", "--into", "no/old.jsonl"], "No such file"),
    (["--older-than", "0", "--db", "none.db"], "there is no store none.db"),
    (["--older-than", "0", "--db", "door.yaml"], "door.yaml: this is no statewf database"),
]


@pytest.mark.parametrize(("args", "told"), WRONG)
def test_what_archive_is_given_wrongly_is_told(cli: Cli, closed: str, args: list[str], told: str) -> None:
    said = cli("archive", *args)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    said = cli("archive", *args, "--json")
    assert said.code == 2
    assert said.json["ok"] is False
    assert states(cli) == ["$cancelled", "closed"]


def test_archive_removes_nothing_that_it_could_not_write(
    cli: Cli, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = cli("archive", "--older-than", "0", "--into", "old.jsonl")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: old.jsonl: No space left on device\n"
    assert states(cli) == ["$cancelled", "closed"]


# --- after that


@pytest.mark.parametrize("verb", ["show", "history", "draw", "send", "cancel", "tasks", "complete"])
def test_what_was_archived_is_told_with_its_end(verb: str, cli: Cli, closed: str) -> None:
    cli("archive", "--older-than", "0")
    args = {
        "draw": ["door.yaml", "--instance", closed],
        "send": [closed, "OPEN"],
        "tasks": ["--instance", closed],
        "complete": [f"{closed}/ask/1", "--decision", "approved"],
    }.get(verb, [closed])
    said = cli(verb, *args)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(
        f"error: {closed} is not in statewf.db any more: it ended in $cancelled (failure) at "
    )
    assert said.err.endswith(", and was archived\n")
    if verb != "draw":
        said = cli(verb, *args, "--json")
        assert (said.code, said.err, said.codes) == (1, "", ["archived"])


def test_what_was_archived_and_had_no_request_id_is_unknown(cli: Cli) -> None:
    instance = cli("start", "door.yaml", "--json").json["instance"]
    cli("cancel", instance)
    cli("archive", "--older-than", "0")
    said = cli("show", instance)
    assert (said.code, said.err) == (
        2,
        f"error: there is no instance {instance} in statewf.db; `statewf list` shows them\n",
    )


@pytest.mark.parametrize("verb", [["start"], ["run", "--events", ""]])
def test_a_request_does_not_run_again(verb: list[str], cli: Cli, closed: str) -> None:
    cli("archive", "--older-than", "0")
    again = [verb[0], "door.yaml", *verb[1:], "--request-id", "R-1"]
    said = cli(*again)
    assert (said.code, said.out) == (1, "")
    told = f"R-1 of door has run: {closed} ended in $cancelled (failure), and was archived"
    assert said.err == f"error: {told}\n"
    said = cli(*again, "--json")
    assert (said.code, said.err) == (1, "")
    assert [(error["code"], error["message"]) for error in said.json["errors"]] == [("archived", told)]
    assert states(cli) == ["closed"]


def test_a_request_that_failed_may_be_started_anew(cli: Cli, closed: str) -> None:
    cli("archive", "--older-than", "0")
    said = cli("start", "door.yaml", "--request-id", "R-1", "--restart", "--input", '{"of": "oak"}', "--json")
    assert said.code == 0
    assert cli("start", "door.yaml", "--request-id", "R-1", "--input", '{"of": "oak"}', "--json").json == said.json
    assert cli("show", closed).code == 2  # its grave went to the successor
    cli("send", said.json["instance"], "LOCK", "--data", '{"code": 42}')
    cli("archive", "--older-than", "0")
    said = cli("start", "door.yaml", "--request-id", "R-1", "--restart")  # this one ended well
    assert (said.code, said.out) == (1, "")
    assert "ended in locked (success), and was archived" in said.err


def test_it_is_told_by_the_owner_too(cli: Cli, closed: str, handlers: Write) -> None:
    with serving(handlers(WORK)):
        assert cli("archive", "--older-than", "0", "--json").json["archived"] == 1
        said = cli("start", "door.yaml", "--request-id", "R-1")
        assert (said.code, said.out) == (1, "")
        assert said.err == f"error: R-1 of door has run: {closed} ended in $cancelled (failure), and was archived\n"
        assert cli("start", "door.yaml", "--request-id", "R-1", "--restart").code == 0
        done = cli("start", "job.yaml", "--json").json["instance"]
        assert cli("send", done, "GO").code == 0
        until(lambda: cli("show", done, "--json").json["done"])
        assert cli("archive", "--older-than", "0", "--json").json["archived"] == 1
        assert cli("verify").code == 0
        assert cli("backup", "copy.db").code == 0
    assert states(cli) == states(cli, "copy.db") == ["closed", "closed"]


# --- backup


def test_backup_makes_a_store_that_can_be_used(cli: Cli, closed: str) -> None:
    said = cli("backup", "copy.db")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("copy.db is a copy of statewf.db (0.")
    assert cli("list", "--db", "copy.db", "--json").json == cli("list", "--json").json
    assert cli("verify", "--db", "copy.db").code == 0
    cli("archive", "--older-than", "0", "--db", "copy.db")
    assert (states(cli), states(cli, "copy.db")) == (["$cancelled", "closed"], ["closed"])
    assert cli("start", "door.yaml", "--db", "copy.db").code == 0


def test_backup_says_what_it_made(cli: Cli, closed: str) -> None:
    said = cli("backup", "copy.db", "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json == {"backup": "copy.db", "bytes": Path("copy.db").stat().st_size, "schema": 5}


def test_backup_overwrites_nothing_unless_forced(cli: Cli, closed: str) -> None:
    Path("copy.db").write_text("precious")
    said = cli("backup", "copy.db")
    assert (said.code, said.out) == (2, "")
    assert said.err == "copy.db: error: is there already [target-exists]\n    --force replaces it\n"
    assert cli("backup", "copy.db", "--json").codes == ["target-exists"]
    assert Path("copy.db").read_text() == "precious"
    assert cli("backup", "copy.db", "--force").code == 0
    assert states(cli, "copy.db") == ["$cancelled", "closed"]


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_backup_does_not_write_where_that_would_spoil_something(cli: Cli, closed: str, force: list[str]) -> None:
    Path("link.db").symlink_to("statewf.db")
    Path("folder").mkdir()
    Path("open.db-wal").write_text("the last commits of somebody")
    told = {
        "statewf.db": "is the store itself [same-file]",
        "link.db": "is the store itself [same-file]",
        "folder": "is a directory [target-exists]",
        "open.db": "is a store that is open, or was not closed: its last commits lie beside it [target-open]",
        "none/copy.db": "there is no folder none [no-folder]",
        "": "",
    }
    before = files()
    for target, reason in told.items():
        said = cli("backup", target, *force)
        assert (said.code, said.out) == (2, "")
        assert f"{target}: error: {reason}" in said.err or not target
    assert files() == before
    assert states(cli) == ["$cancelled", "closed"]


def test_a_backup_that_fails_leaves_what_was_there(
    cli: Cli, closed: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("copy.db").write_text("precious")

    def fails(_: object, part: str, __: object) -> None:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{part}{end}").write_text("half")
        raise StoreError("the disk is full")

    monkeypatch.setattr(upkeep, "copy", fails)
    before = files()
    said = cli("backup", "copy.db", "--force")
    assert (said.code, said.out, said.err) == (2, "", "error: the disk is full\n")
    assert Path("copy.db").read_text() == "precious"
    assert files() == before


def test_a_copy_may_be_read_by_whom_the_store_may(cli: Cli, closed: str) -> None:
    Path("statewf.db").chmod(0o640)
    cli("backup", "copy.db")
    assert stat.S_IMODE(Path("copy.db").stat().st_mode) == 0o640


def test_a_store_of_an_earlier_version_is_copied_and_looked_at_as_it_is(cli: Cli) -> None:
    change(of_today(OLD.read_text()))
    assert cli("verify").out == "statewf.db (schema 3) is sound\n"
    assert cli("backup", "copy.db", "--json").json["schema"] == 3
    assert cli("verify", "--json").json["schema"] == 3
    assert len(cli("list", "--db", "copy.db", "--json").json) == 4
    assert cli("verify", "--db", "copy.db", "--json").json["schema"] == 5


# --- verify


def test_a_store_that_is_sound(cli: Cli, closed: str) -> None:
    for args in ([], ["--quick"]):
        said = cli("verify", *args)
        assert (said.code, said.out, said.err) == (0, "statewf.db (schema 5) is sound\n", "")
    assert cli("verify", "--json").json == {"ok": True, "schema": 5, "quick": False, "findings": []}


def test_damage_is_an_answer(cli: Cli, closed: str) -> None:
    change(f"UPDATE instance SET state = 'open' WHERE id = '{closed}'; DELETE FROM history WHERE instance = 2")
    said = cli("verify")
    assert (said.code, said.err) == (1, "")
    first, second, summary = said.out.splitlines()
    reason = 'its card says state "open"; its history comes to state "$cancelled" [card]'
    assert first == f"{closed}: error: {reason}"
    assert "its card says seq 1" in second
    assert summary == "statewf.db (schema 5): 2 things wrong"
    said = cli("verify", "--json")
    assert (said.code, said.err) == (1, "")
    assert said.json["ok"] is False
    assert [sorted(finding) for finding in said.json["findings"]] == [["message", "rule", "severity", "where"]] * 2
    assert cli("verify", "--quick").code == 0


def test_pages_that_were_overwritten_are_an_answer_too(cli: Cli, closed: str) -> None:
    content = bytearray(Path("statewf.db").read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    Path("statewf.db").write_bytes(bytes(content))
    said = cli("verify")
    assert (said.code, said.err) == (1, "")
    assert "[pages]" in said.out or "[unreadable]" in said.out
    assert cli("verify", "--json").json["ok"] is False
    assert cli("backup", "copy.db").code == 2
    assert not Path("copy.db").exists()


def test_of_much_damage_people_are_shown_some(cli: Cli, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "MOST_TOLD", 1)
    change("DELETE FROM history")
    *_, more, summary = cli("verify").out.splitlines()
    assert (more, summary) == ("and 1 more; --json has all", "statewf.db (schema 5): 2 things wrong")


@pytest.mark.parametrize("verb", [["verify"], ["verify", "--quick"], ["backup", "copy.db"]])
def test_what_is_no_store_is_told(cli: Cli, verb: list[str]) -> None:
    change("CREATE TABLE theirs (a)", "other.db")
    Path("empty.db").touch()
    told = {
        "none.db": "there is no store none.db",
        "door.yaml": "door.yaml: this is no statewf database",
        "other.db": "other.db: this is no statewf database",
        "empty.db": "empty.db: this is no statewf database",
        ".": ".: cannot be opened",
    }
    for db, reason in told.items():
        said: Said = cli(*verb, "--db", db)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith(f"error: {reason}")
        assert said.err.count("\n") == 1
        assert cli(*verb, "--db", db, "--json").code == 2
    assert Path("empty.db").read_bytes() == b""
    assert not Path("none.db").exists()


def test_a_newer_store_is_told(cli: Cli, closed: str) -> None:
    change("PRAGMA user_version = 99")
    for verb in (["verify"], ["backup", "copy.db"], ["archive", "--older-than", "0"]):
        said = cli(*verb)
        assert (said.code, said.out) == (2, "")
        assert "was written by a newer statewf (schema 99" in said.err


# --- at a terminal


def test_how_far_it_is_is_shown_at_a_terminal(cli: Cli, closed: str) -> None:
    for verb, doing in (
        ("verify", "verifying"),
        ("backup copy.db", "copying"),
        ("archive --older-than 0", "archiv"),
    ):
        terminal = Terminal.of(*verb.split())
        assert terminal.finish() == 0
        assert doing in terminal.screen
        assert terminal.screen.splitlines()[-1].strip()
