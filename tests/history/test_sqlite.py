"""What only a file can suffer: other programs' files, damage, no place, no right, no room."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from statewf.errors import StoreError
from statewf.history import Sqlite
from statewf.machine.events import Event
from statewf.machine.snapshot import Step
from statewf.machine.step import step
from tests.history.support import TOY, begun, entry, keep, owned, record


def one_line(error: pytest.ExceptionInfo[StoreError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_was_kept_is_there_when_opened_again(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    first = Sqlite(path)
    first.deploy(record(TOY))
    keep(first, [entry(TOY, begun("a"))])
    first.close()
    again = Sqlite(path, create=False)
    assert [row["event"] for row in again.rows("a")] == ["$start"]
    again.close()


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    opened = Sqlite(str(tmp_path / "s.db"))
    assert opened._one("PRAGMA synchronous")[0] == 2
    assert opened._one("PRAGMA journal_mode")[0] == "wal"
    opened.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(content)
    with pytest.raises(StoreError) as error:
        Sqlite(str(path))
    assert str(path) in one_line(error)
    assert path.read_bytes() == content


def test_a_database_of_some_other_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (a)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="some other program") as error:
        Sqlite(str(path))
    one_line(error)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Sqlite(str(path)).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreError, match="newer statewf"):
        Sqlite(str(path))


def test_a_directory_and_a_place_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "s.db"):
        with pytest.raises(StoreError, match="cannot be opened") as error:
            Sqlite(str(path))
        one_line(error)
    with pytest.raises(StoreError, match="cannot be opened"):
        Sqlite(str(tmp_path / "absent.db"), create=False)
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_file(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Sqlite(str(path)).close()
    path.chmod(stat.S_IRUSR)
    with pytest.raises(StoreError) as error:
        keep(Sqlite(str(path)), [entry(TOY, begun("a"))])
    one_line(error)


def test_no_two_deliveries_have_the_same_id_although_the_outbox_was_empty_between(tmp_path: Path) -> None:
    seen = []
    for _ in range(3):
        opened = Sqlite(str(tmp_path / "s.db"))
        opened.subscribe("me", "Told")
        opened.tell("a", "Told", None, 0, owned(opened))
        (emitted,) = opened.undelivered("me", "Told", 10)
        seen.append(emitted.id)
        opened.delivered("me", "Told", emitted.number)
        assert opened.purge(0, 10) == 1
        opened.close()
    assert len(set(seen)) == 3


def test_tasks_are_found_by_an_index(tmp_path: Path) -> None:
    opened = Sqlite(str(tmp_path / "s.db"))
    asked: list[str] = []
    opened.database.connection.set_trace_callback(asked.append)
    opened.tasks(instance="a")
    opened.tasks(assigned_to="ann")
    opened.tasks(instance="a", assigned_to="ann")
    opened.database.connection.set_trace_callback(None)
    for query in asked:
        ((*_, plan), *_) = opened._all(f"EXPLAIN QUERY PLAN {query}")
        assert "USING INDEX task_" in plan, query
    assert len(asked) == 3
    opened.close()


def test_a_full_disk_keeps_nothing_of_the_batch_and_all_before_it(tmp_path: Path) -> None:
    """SQLite's page limit is the same error as a full file system, and needs none."""
    opened = Sqlite(str(tmp_path / "s.db"))
    opened.deploy(record(TOY))
    keep(opened, [entry(TOY, begun("a"))])
    pages = opened._one("PRAGMA page_count")[0]
    opened._one(f"PRAGMA max_page_count = {pages + 1}")
    big = step(TOY, begun("a").after, Event("GO", {"text": "x" * 100_000}))
    assert isinstance(big, Step)
    with pytest.raises(StoreError, match="disk is full") as error:
        keep(opened, [entry(TOY, begun("b")), entry(TOY, big)])
    one_line(error)
    assert opened.card("b") is None
    assert [row["event"] for row in opened.rows("a")] == ["$start"]
    opened._one(f"PRAGMA max_page_count = {pages + 1000}")
    keep(opened, [entry(TOY, big)])
    opened.close()


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    opened = Sqlite(str(path))
    opened.deploy(record(TOY))
    for number in range(200):
        keep(opened, [entry(TOY, begun(f"i{number}"))])
    opened.close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    path.write_bytes(bytes(content))

    def look() -> None:
        damaged = Sqlite(str(path))
        for number in range(200):
            list(damaged.rows(f"i{number}"))

    with pytest.raises(StoreError) as error:
        look()
    assert "damaged" in one_line(error)


def test_loading_a_long_history_reads_a_snapshot_and_few_rows(tmp_path: Path) -> None:
    opened = Sqlite(str(tmp_path / "s.db"))
    opened.deploy(record(TOY))
    last = begun("a")
    keep(opened, [entry(TOY, last)])
    for number in range(2_000):
        made = step(TOY, last.after, Event("SAY", {"n": number}))
        assert isinstance(made, Step)
        keep(opened, [entry(TOY, made)])
        last = made
    loaded = opened.load("a")
    assert loaded is not None
    assert loaded.snapshot is not None
    assert len(loaded.events) < 100
    (snapshots,) = opened._one("SELECT count(*) FROM snapshot")
    assert snapshots == 1
    opened.close()


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    def opened(path: str, ready: Barrier) -> list[tuple[int, str]]:
        ready.wait()
        store = Sqlite(path)
        found = store.busy()
        store.close()
        return found

    with ThreadPoolExecutor(6) as threads:
        for number in range(10):
            ready = Barrier(6)
            answers = [threads.submit(opened, str(tmp_path / f"{number}.db"), ready) for _ in range(6)]
            assert [answer.result() for answer in answers] == [[]] * 6
