"""What becomes of an invocation: exit codes, one JSON document whatever happens, a start that loads little."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import statewf.cli.look
from statewf.cli.main import VERBS, main
from tests.cli.support import ENTRY, ROOT, Cli, ended, process

HEAVY = {"anyio", "asyncio", "attr", "cattrs", "immutables", "lark", "logging", "rich", "sqlite3", "trio", "yaml"}


# --- starting


@pytest.mark.parametrize(
    "program",
    [
        "import statewf",
        "from statewf.cli.main import main; main(['--help'])",
        "from statewf.cli.main import main; main(['--version'])",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(program: str) -> None:
    ask = f"{program}; import sys; print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, cwd=ROOT).stderr.split()
    assert "statewf" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_looking_at_a_store_loads_no_event_loop(cli: Cli) -> None:
    cli("start", "door.yaml")
    ask = "from statewf.cli.main import main; main(['list', '--json']); import sys; print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stderr.split()
    assert {"anyio", "asyncio", "rich", "lark", "yaml"}.isdisjoint(loaded)


def test_help_names_every_verb(cli: Cli) -> None:
    said = cli("--help")
    assert said.code == 0
    for verb, (_, text) in VERBS.items():
        assert f"  {verb} " in said.out
        assert text in " ".join(said.out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_that_begins_as_the_list_says(verb: str, cli: Cli) -> None:
    said = cli(verb, "--help")
    assert said.code == 0
    assert said.err == ""
    assert "--help" in said.out


# --- mistakes of the command line itself


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["frob"], "There is no verb frob. There are check,"),
        (["lisst"], "Did you mean list?"),
        (["--frob"], "No such option"),
        (["check"], "Missing argument"),
        (["list", "--frob"], "No such option"),
        (["list", "--limit", "many"], "not a valid integer"),
        (["list", "--limit", "0"], "not in the range"),
        (["list", "--limit", "9" * 30], "not in the range"),
        (["start", "door.yaml", "--db", ""], "nothing would be kept"),
        (["serve"], "serve needs --handlers"),
        (["serve", "--handlers", ""], "serve needs --handlers"),
        (["draw", "door.yaml", "--format", "png"], "'mermaid', 'dot', 'svg'"),
        (["simulate", "door.yaml"], "Say --scenario FILE for one run"),
        (["send", "door-1"], "Missing argument 'EVENT'"),
        (["list", "too", "much"], "unexpected extra arguments"),
    ],
)
def test_usage_errors_end_with_2_and_are_json_when_that_is_asked_for(args: list[str], told: str, cli: Cli) -> None:
    said = cli(*args)
    assert said.code == 2
    assert said.out == ""
    assert told in said.err
    said = cli(*args, "--json")
    assert said.code == 2
    assert said.err == ""
    assert said.codes == ["usage"]


def test_json_after_two_dashes_is_no_option(cli: Cli) -> None:
    cli("start", "door.yaml")
    said = cli("show", "--", "--json")
    assert said.out == ""
    assert "no instance --json" in said.err


# --- mistakes of ours


def test_a_bug_is_one_line_and_exit_2(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(statewf.cli.look, "opened", broken)
    said = cli("list")
    assert said.code == 2
    assert said.err.startswith("error: KeyError: 'oops' (this is a bug in statewf")
    assert said.err.count("\n") == 1
    assert cli("list", "--json").codes == ["internal-error"]
    monkeypatch.setenv("STATEWF_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["list"])


def test_what_is_no_unicode_is_told(cli: Cli) -> None:
    cli("start", "door.yaml")
    for args in (["show", "\udcff"], ["start", "door.yaml", "--request-id", "\udcff"]):
        said = cli(*args)
        assert said.code == 2
        assert "a lone surrogate" in said.err
    said = cli("check", "\udcff.yaml", "--json")
    assert said.code == 2
    assert said.json["source"] == "\udcff.yaml"


def test_an_interruption_is_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt("; something is kept")

    monkeypatch.setattr(statewf.cli.look, "opened", interrupted)
    said = cli("list")
    assert said.code == 130
    assert said.err.strip() == "interrupted; something is kept"
    said = cli("list", "--json")
    assert said.code == 130
    assert said.codes == ["interrupted"]


# --- an output that nobody takes


def test_a_reader_that_leaves_early_is_no_error_message(cli: Cli) -> None:
    for _ in range(3):
        cli("start", "door.yaml")
    for args in (["list"], ["list", "--json"], ["--help"], ["check", "door.yaml"]):
        running = process(*args)
        assert running.stdout is not None
        running.stdout.close()
        running.stdout = None
        said = ended(running)
        assert (said.code, said.err) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("args", [["check", "door.yaml"], ["check", "door.yaml", "--json"], ["list", "--json"]])
def test_an_output_that_is_full_is_told_once(args: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        said = ended(process(*args, stdout=full))
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "Exception" not in said.err


def test_output_that_cannot_show_a_character_shows_its_number(cli: Cli) -> None:
    cli("start", "door.yaml", "--input", '{"word": "ü 😀"}', "--request-id", "ü 😀")
    instance = cli("list", "--json").json[0]["instance"]
    program = "import sys; sys.stdout.reconfigure(encoding='latin-1'); " + ENTRY[2]
    entry = [sys.executable, "-c", program]
    said = ended(process("history", instance, entry=entry, encoding="latin-1"))
    assert said.code == 0
    assert "ü \\U0001f600" in said.out
    said = ended(process("list", "--json", entry=entry, encoding="latin-1"))
    assert json.loads(said.out)[0]["requestId"] == "ü 😀"


def test_colours_are_for_terminals_only(cli: Cli) -> None:
    assert "\x1b" not in cli("check", "door.yaml").out
    assert "\x1b" not in cli("check", "missing.yaml").err
