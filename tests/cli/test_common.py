"""What verbs are given besides files: JSON on the command line or in a file, and stores."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import ENTRY, Cli, ended, process

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("text", "code", "source"),
    [
        ("{", "bad-syntax", "--input"),
        ("", "empty", "--input"),
        ("ship it", "bad-syntax", "--input"),
        ("{'a': 1}", "bad-syntax", "--input"),
        ("[1]", "not-an-object", "--input"),
        ('"text"', "not-an-object", "--input"),
        ("3", "not-an-object", "--input"),
        ('{"a": NaN}', "not-finite", "--input"),
        ('{"a": -Infinity}', "not-finite", "--input"),
        ('{"a": 1e999}', "not-finite", "--input"),
        ('{"a": ' + "9" * 5_000 + "}", "huge-number", "--input"),
        ('{"a": 1, "a": 2}', "duplicate-key", "--input"),
        ('{"a": ' + DEEP + "}", "too-deep", "--input"),
        ('{"a": "\udcff"}', "bad-encoding", "--input"),
        ("@", "unreadable", "@"),
        ("@missing.json", "unreadable", "missing.json"),
        ("@.", "unreadable", "."),
        ("@binary.json", "bad-encoding", "binary.json"),
        ("@list.json", "not-an-object", "list.json"),
        ("@big.json", "too-large", "big.json"),
        ("@empty.json", "empty", "empty.json"),
    ],
)
def test_inputs_that_are_no_json_object_are_told_where_and_why(
    text: str, code: str, source: str, cli: Cli, folder: Path
) -> None:
    (folder / "binary.json").write_bytes(b'{"a": "\xff"}')
    (folder / "list.json").write_text("[]")
    (folder / "empty.json").write_text("")
    if text == "@big.json":
        (folder / "big.json").write_text('{"a": "' + "x" * 10_500_000 + '"}')
    said = cli("start", "door.yaml", "--input", text, "--json")
    assert (said.code, said.err) == (2, "")
    assert code in said.codes
    assert said.json["source"] == source
    assert "states" not in json.dumps(said.json)  # an empty text is told of as such, not as a definition
    for verb in (["run", "door.yaml", "--events", ""], ["start", "door.yaml"]):
        said = cli(*verb, "--input", text)
        assert said.code == 2
        assert said.err.startswith(source)
    assert not (folder / "statewf.db").exists()


def test_the_data_of_an_event_are_read_alike(cli: Cli) -> None:
    instance = cli("start", "door.yaml", "--json").json["instance"]
    for text in ("{", "[1]", "@missing"):
        assert cli("send", instance, "OPEN", "--data", text).code == 2
    assert cli("show", instance, "--json").json["state"] == "closed"


def test_inputs_may_come_from_a_file_and_may_be_null(cli: Cli, folder: Path) -> None:
    (folder / "given.json").write_bytes(b'\xef\xbb\xbf{"total": 30}')
    instance = cli("start", "door.yaml", "--input", "@given.json", "--json").json["instance"]
    assert cli("show", instance, "--json").json["context"] == {"total": 30}
    assert cli("start", "door.yaml", "--input", "null").code == 0


# --- stores

STORES = ["missing.db", "a-folder", "text.db", "foreign.db", "cut.db", "scrambled.db", "newer.db", "/dev/null/x.db"]


@pytest.fixture
def stores(cli: Cli, folder: Path) -> None:
    """Everything somebody may give for a store."""
    (folder / "a-folder").mkdir()
    (folder / "text.db").write_text("This is no database, but a letter to my aunt.\n" * 100)
    foreign = sqlite3.connect("foreign.db")
    foreign.execute("CREATE TABLE aunt (name)")
    foreign.close()
    cli("start", "door.yaml", "--db", "good.db")
    whole = (folder / "good.db").read_bytes()
    (folder / "cut.db").write_bytes(whole[: len(whole) // 3])
    (folder / "scrambled.db").write_bytes(whole[:4_096] + bytes(255 - byte for byte in whole[4_096:]))
    (folder / "newer.db").write_bytes(whole)
    newer = sqlite3.connect("newer.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize("store", STORES)
def test_what_is_no_store_is_one_clear_line(store: str, cli: Cli, folder: Path) -> None:
    verbs = [["list"], ["show", "x"], ["history", "x"], ["send", "x", "GO"], ["cancel", "x"]]
    if store != "missing.db":
        verbs += [["start", "door.yaml"], ["run", "door.yaml", "--events", "OPEN"]]
    for verb in verbs:
        said = cli(*verb, "--db", store)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("error: ")
        assert store in said.err
        assert said.err.count("\n") == 1
        said = cli(*verb, "--db", store, "--json")
        assert (said.code, said.err) == (2, "")
        assert said.codes == ["store-error"]
    assert (folder / "text.db").read_text().startswith("This is no database")
    assert not (folder / "missing.db").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_is_read_only_is_told(cli: Cli, folder: Path) -> None:
    cli("start", "door.yaml", "--db", "good.db")
    (folder / "good.db").chmod(0o400)
    folder.chmod(0o500)
    said = cli("start", "door.yaml", "--db", "good.db")
    folder.chmod(0o700)
    assert said.code == 2
    assert said.err.startswith("error: good.db")
    assert said.err.count("\n") == 1


def test_a_disk_that_is_full_loses_nothing_that_was_kept(cli: Cli, folder: Path) -> None:
    kept = cli("start", "door.yaml", "--json").json["instance"]
    (folder / "much.json").write_text(json.dumps({"text": "x" * 200_000}))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); " + ENTRY[2]
    for json_too in ([], ["--json"]):
        said = ended(
            process("start", "door.yaml", "--input", "@much.json", *json_too, entry=[sys.executable, "-c", limit])
        )
        assert said.code == 2
        assert "Traceback" not in said.err
        assert "statewf.db" in said.out + said.err
        if json_too:
            assert said.codes == ["store-error"]
    assert [card["instance"] for card in cli("list", "--json").json] == [kept]
    assert cli("send", kept, "OPEN").code == 0


def test_a_store_in_memory_is_gone_when_the_verb_ends(cli: Cli, folder: Path) -> None:
    said = cli("run", "door.yaml", "--db", ":memory:", "--events", "OPEN")
    assert "closed → open" in said.out
    assert list(folder.glob("*.db")) == []
    assert list(folder.glob(":memory:*")) == []


def test_the_entry_point_is_installed() -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="statewf")
    assert script.value == "statewf.cli.main:run"
    told = subprocess.run([*ENTRY, "--version"], capture_output=True, text=True)
    assert told.stdout.startswith("statewf, version ")
