"""`check` and `draw`: everything that is wrong, at once, and not more words than it needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.support import Cli

TWO = '{"name": "x", "initialState": "a", "states": {"a": {"timeout": %s, "timeoutTransition": "b"}, "b": {"terminal": true}}}'

# what stands in a file, by its name -> the codes that are told, and the line of the first
BAD: dict[str, tuple[str | bytes, set[str], int | None]] = {
    "empty.yaml": ("", {"empty"}, None),
    "binary.yaml": (bytes(range(256)) * 40, {"bad-encoding"}, 2),
    "utf16.yaml": ("name: x\n".encode("utf-16"), {"bad-encoding"}, 1),
    "big.yaml": ("# " + "x" * 10_500_000, {"too-large"}, None),
    "big.json": ('{"name": "' + "x" * 10_500_000 + '"}', {"too-large"}, None),
    "large.yaml": ("# " + "x" * 1_100_000, {"too-large"}, None),
    "deep.json": ("[" * 100_000 + "]" * 100_000, {"too-deep"}, 1),
    "deep.yaml": ("[" * 100_000 + "]" * 100_000, {"too-deep"}, 1),
    "steep.yaml": ("\n".join(" " * n + "a:" for n in range(1_000)), {"too-deep"}, 101),
    "unclosed.json": ("[" * 100_000, {"too-deep"}, 1),
    "twice.json": ('{"states": {"a": {"terminal": true}, "a": {}}, "initialState": "a"}', {"duplicate-key"}, 1),
    "twice.yaml": ("initialState: a\nstates:\n  a: {terminal: true}\n  a: {}\n", {"duplicate-key"}, 4),
    "nan.json": (TWO % "NaN", {"not-finite"}, 1),
    "nan.yaml": (TWO % ".nan", {"not-finite"}, 1),
    "huge.json": (TWO % ("9" * 5_000), {"huge-number"}, 1),
    "huge.yaml": (TWO % ("9" * 5_000), {"huge-number"}, 1),
    "circle.yaml": ("initialState: a\nstates: &s\n  a: *s\n", {"cyclic-alias"}, 3),
    "laughs.yaml": (
        "a: &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        {"too-many-aliases"},
        5,
    ),
    "syntax.yaml": ("name: a\nstates: {a: [}\n", {"bad-syntax"}, 2),
    "tab.yaml": ("name: a\n\tstates: 1\n", {"bad-syntax"}, 2),
    "list.yaml": ("- a\n- b\n", {"wrong-type"}, 1),
    "null.json": ("null", {"wrong-type"}, 1),
    "steps.yaml": ("name: a\nsteps:\n  - {id: a, tpye: wait}\n", {"unknown-key"}, 3),
    "escape.yaml": ('initialState: a\nstates:\n  "a\\e[31m": {terminal: true}\n', {"bad-name"}, 3),
}

MANY = """\
name: a
type: Automaton
initialState: nope
foo: 1
states:
  a:
    on: {GO: nowhere, 5: b}
    timeout: -5
    timeoutTransition: c
    retry: {maxAttempts: 0, on: GO}
    termnal: true
  b:
    onn: {X: a}
    always: {target: a, guard: "1 +"}
  "c/d": {terminal: yes}
"""

LOST = """\
name: lost
initialState: nope
states:
  a: {on: {GO: nowhere, B: b}, timeout: 5, timeoutTransition: c}
  b: {on: {X: aa}}
  d: {terminal: true}
"""


# --- what is no definition


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_with_code_and_line(name: str, cli: Cli, folder: Path) -> None:
    content, codes, line = BAD[name]
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    said = cli("check", name, "--json")
    assert (said.code, said.err) == (2, "")
    assert said.json["ok"] is False
    assert said.json["source"] == name
    assert set(said.codes) == codes
    assert said.json["errors"][0]["line"] == line
    said = cli("check", name)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{name}:{line}: error: " if line else f"{name}: error: ")
    assert len(said.err) < 500
    assert "\x1b" not in said.err


@pytest.mark.parametrize("verb", ["run", "start", "draw", "simulate"])
def test_every_verb_refuses_what_is_no_definition(verb: str, cli: Cli, folder: Path) -> None:
    (folder / "many.yaml").write_text(MANY)
    (folder / "lost.yaml").write_text(LOST)
    more = ["--scenario", "door.yaml"] if verb == "simulate" else []
    for file, told in (("many.yaml", 10), ("lost.yaml", 4), ("missing.yaml", 1), (".", 1)):
        said = cli(verb, file, *more)
        assert (said.code, said.out) == (2, "")
        assert sum(line.startswith(file) for line in said.err.splitlines()) == told
    assert not (folder / "statewf.db").exists()


def test_all_mistakes_are_told_at_once_each_with_code_place_line_and_hint(cli: Cli, folder: Path) -> None:
    (folder / "many.yaml").write_text(MANY)
    told = cli("check", "many.yaml", "--json").json["errors"]
    assert [(mistake["line"], mistake["code"]) for mistake in told] == [
        (2, "bad-choice"),
        (4, "unknown-key"),
        (7, "bad-key"),
        (8, "bad-duration"),
        (10, "out-of-range"),
        (11, "unknown-key"),
        (13, "unknown-key"),
        (14, "bad-expression"),
        (15, "bad-name"),
        (15, "wrong-type"),
    ]
    assert told[5] == {
        "code": "unknown-key",
        "message": 'the key "termnal" is not known here',
        "path": "$.states.a.termnal",
        "line": 11,
        "hint": "did you mean terminal?",
    }
    lines = cli("check", "many.yaml").err.splitlines()
    at = lines.index('many.yaml:11: error: the key "termnal" is not known here [unknown-key] at $.states.a.termnal')
    assert lines[at + 1] == "    did you mean terminal?"


# --- what reads but is wrong


def test_findings_end_with_1(cli: Cli, folder: Path) -> None:
    (folder / "lost.yaml").write_text(LOST)
    said = cli("check", "lost.yaml", "--json")
    assert (said.code, said.err) == (1, "")
    assert said.json["ok"] is False
    assert [finding["rule"] for finding in said.json["findings"]] == [
        "unknown-initial", "unknown-target", "unknown-target", "unknown-target",
    ]  # fmt: skip
    said = cli("check", "lost.yaml")
    assert (said.code, said.err) == (1, "")
    assert (
        "lost.yaml:5: error: there is no state aa [unknown-target] at $.states.b.on.X\n    did you mean a?"
        in said.out
    )
    assert said.out.splitlines()[-1].startswith("lost.yaml: not ok: 3 states, 0 transitions, 4 errors")


def test_the_way_to_an_error_is_told_the_way_to_a_warning_is_not(cli: Cli, folder: Path) -> None:
    (folder / "trap.yaml").write_text(
        "initialState: a\nstates:\n  a: {on: {B: b}}\n  b: {on: {C: c, D: d}}\n  c: {}\n  d: {terminal: true}\n"
    )
    said = cli("check", "trap.yaml")
    assert said.code == 1
    assert "[dead-end]" in said.out
    assert said.out.count("on the way") == 1
    assert "on the way B, C\n" in said.out


def test_the_order_machine_is_fine_and_its_warnings_do_not_drown_anybody(cli: Cli) -> None:
    document = cli("check", "machines/order.yaml", "--json").json
    assert document["ok"] is True
    assert document["states"] == 14
    assert set(document) == {
        "ok",
        "states",
        "compiledStates",
        "configurations",
        "visited",
        "transitions",
        "findings",
        "properties",
        "bounds",
    }
    waiting = [finding for finding in document["findings"] if finding["rule"] == "waits-forever"]
    assert len(waiting) == 7
    assert all(finding["hint"] for finding in waiting)
    said = cli("check", "machines/order.yaml")
    assert said.code == 0
    assert said.out.count("[waits-forever]") == 1
    assert said.out.count("add timeout and timeoutTransition") == 1
    assert "also validated (line 26), paid (line 40), " in said.out
    assert len(said.out.splitlines()) < 8
    assert said.out.splitlines()[-2:] == [
        "machines/order.yaml: ok: 14 states, 27 transitions, 5 proved, 8 warnings",
        "  may take for ever: pending waits for an event",
    ]


def test_a_few_warnings_alike_are_all_told_with_one_hint(cli: Cli) -> None:
    said = cli("check", "door.yaml")
    assert said.out.count("[waits-forever]") == 2
    assert said.out.count("add timeout") == 1


def test_several_files_are_a_list_and_the_worst_is_the_exit_code(cli: Cli, folder: Path) -> None:
    (folder / "lost.yaml").write_text(LOST)
    said = cli("check", "door.yaml", "lost.yaml", "missing.yaml", "--json")
    assert said.code == 2
    assert [document["ok"] for document in said.json] == [True, False, False]
    assert cli("check", "lost.yaml", "door.yaml").code == 1
    said = cli("check", "missing.yaml", "door.yaml")
    assert said.code == 2
    assert "door.yaml: ok" in said.out
    assert "missing.yaml: error: cannot be read: No such file or directory [unreadable]" in said.err


# --- draw


def test_draw_prints_or_writes_a_picture(cli: Cli, folder: Path) -> None:
    assert cli("draw", "door.yaml").out.startswith("stateDiagram-v2")
    assert cli("draw", "door.yaml", "--format", "dot").out.startswith("digraph")
    said = cli("draw", "door.yaml", "--format", "svg", "--output", "door.svg")
    assert (said.code, said.out) == (0, "")
    assert "<svg" in (folder / "door.svg").read_text()
    (folder / "nested.yaml").write_text(
        "initialState: a\nstates: {a: {initial: b, states: {b: {on: {GO: c}}}}, c: {terminal: true}}\n"
    )
    assert "a.b" in cli("draw", "nested.yaml", "--flat").out
    assert "a.b" not in cli("draw", "nested.yaml").out


def test_draw_marks_where_an_instance_is(cli: Cli) -> None:
    instance = cli("start", "door.yaml", "--json").json["instance"]
    assert cli("draw", "door.yaml", "--instance", instance).out != cli("draw", "door.yaml").out
    assert cli("draw", "door.yaml", "--instance", "door-0").code == 2


TRIP = """\
name: trip
steps:
  - {id: book, type: parallel, steps: [{id: flight}, {id: hotel}]}
  - {id: pay, retryPolicy: {maxAttempts: 3}}
"""


def test_draw_shows_a_workflow_in_its_order(cli: Cli, folder: Path) -> None:
    (folder / "trip.yaml").write_text(TRIP)
    said = cli("draw", "trip.yaml")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("flowchart TD\n")
    assert 'subgraph n1["book"]' in said.out
    assert '"book" -> "pay"' not in cli("draw", "trip.yaml", "--format", "dot").out  # at a block's border
    assert 'subgraph "cluster book"' in cli("draw", "trip.yaml", "--format", "dot").out
    assert ">3 attempts<" in cli("draw", "trip.yaml", "--format", "svg").out


def test_draw_flat_tells_when_there_is_more_than_the_limit(cli: Cli, folder: Path) -> None:
    (folder / "trip.yaml").write_text(TRIP)
    whole = cli("draw", "trip.yaml", "--flat")
    assert (whole.code, whole.err) == (0, "")
    assert "flight#58;running<br/>" not in whole.out
    assert 'state "pay#58;running"' in whole.out
    some = cli("draw", "trip.yaml", "--flat", "--limit", "3")
    assert (some.code, some.err) == (0, "not all is drawn: there are more than 3 configurations (--limit)\n")
    assert '"... more"' in some.out
    assert cli("draw", "trip.yaml", "--limit", "3").code == 2
    assert cli("draw", "trip.yaml", "--flat", "--limit", "0").code == 2


def test_draw_marks_what_became_of_the_steps_of_an_instance(cli: Cli, folder: Path) -> None:
    (folder / "trip.yaml").write_text(TRIP)
    instance = cli("start", "trip.yaml", "--json").json["instance"]
    said = cli("draw", "trip.yaml", "--instance", instance)
    assert said.out.startswith('---\ntitle: "trip: running"\n---\nflowchart TD\n')
    assert "    class n2,n3 active\n" in said.out
    flat = cli("draw", "trip.yaml", "--instance", instance, "--flat")
    assert " active\n" in flat.out


@pytest.mark.parametrize("output", ["no/such/folder.svg", "."])
def test_a_picture_that_cannot_be_written_is_told(output: str, cli: Cli) -> None:
    said = cli("draw", "door.yaml", "--output", output)
    assert said.code == 2
    assert output in said.err


def test_a_definition_may_come_from_a_pipe_of_the_shell(cli: Cli, folder: Path) -> None:
    (folder / "noname").write_text(json.dumps({"initialState": "a", "states": {"a": {"terminal": True}}}))
    assert cli("check", "noname").code == 0


# --- properties

ASKED = """
initialState: a
states:
  a: {on: {PAY: paid, STOP: {target: out, guard: inputs.mayStop}}}
  paid: {on: {SHIP: out}}
  out: {terminal: true}
properties:
  - {absence: out, after: paid, name: nothing ships}
  - {precedence: {first: paid, then: out}}
  - {precedence: {first: a, then: out}}
"""


def test_properties_are_told_with_their_runs_and_counted(cli: Cli) -> None:
    Path("asked.yaml").write_text(ASKED)
    said = cli("check", "asked.yaml")
    assert said.code == 1
    assert "asked.yaml:8: error: nothing ships: never out after paid: a run does so (paid → out)" in said.out
    assert "    on the way start, PAY, SHIP\n" in said.out
    assert "no out before paid: a run does so (a → out), if inputs.mayStop [possible-violation]" in said.out
    assert ", 1 of 3 proved, 1 error, " in said.out
    told = cli("check", "asked.yaml", "--json").json["properties"]
    assert [found["verdict"] for found in told] == ["refuted", "possible", "proved"]
    assert told[0]["trace"] == ["start", "PAY", "SHIP"]


def test_counterexamples_are_written_and_can_be_played(cli: Cli) -> None:
    Path("asked.yaml").write_text(ASKED)
    said = cli("check", "asked.yaml", "--counterexamples", "shown")
    assert said.err == "2 counterexamples in shown: statewf test shown plays, pytest shown tests\n"
    assert sorted(path.name for path in Path("shown").iterdir()) == [
        "no_out_before_paid.mmd",
        "no_out_before_paid.yaml",
        "nothing_ships.mmd",
        "nothing_ships.yaml",
        "test_no_out_before_paid.py",
        "test_nothing_ships.py",
    ]
    assert cli("test", "shown/nothing_ships.yaml").code == 0
    assert cli("check", "asked.yaml", "--counterexamples", "asked.yaml").code == 2


def test_two_of_one_name_have_files_of_their_own_each_with_its_own_test(cli: Cli) -> None:
    twice = "  - {absence: out, name: nothing}\n  - {absence: nobody}\n  - {absence: paid, name: nothing}\n"
    Path("asked.yaml").write_text(ASKED.partition("properties:\n")[0] + "properties:\n" + twice)
    cli("check", "asked.yaml", "--counterexamples", "shown")
    names = sorted(path.name for path in Path("shown").glob("*.py"))
    assert names == ["test_nothing.py", "test_nothing_2.py"]
    for name, place in zip(names, (0, 2), strict=True):
        text = Path("shown", name).read_text()
        assert f"definition.properties[{place}]" in text
        assert f"def {name.removesuffix('.py')}():" in text


def test_errors_in_the_structure_leave_properties_unasked_and_that_is_told(cli: Cli) -> None:
    Path("asked.yaml").write_text(ASKED.replace("on: {PAY: paid", "on: {PAY: pad"))
    said = cli("check", "asked.yaml")
    assert (said.code, ", 3 properties not asked, " in said.out) == (1, True)
    said = cli("check", "asked.yaml", "--json")
    assert said.json["unasked"] == 3
    Path("one.yaml").write_text("steps: [{id: a, dependsOn: [b]}]\nproperties: [{absence: a}]\n")
    assert ", 1 property not asked, 1 error" in cli("check", "one.yaml").out


def test_of_a_long_way_the_ends_are_told(cli: Cli) -> None:
    steps = "".join(f"  - {{id: s{n}}}\n" for n in range(30))
    Path("long.yaml").write_text(f"steps:\n{steps}properties:\n  - {{absence: s29}}\n")
    said = cli("check", "long.yaml")
    way = "start, s0 returned, s1 returned, s2 returned, s3 returned, s4 returned, … 19 more …, s24 returned"
    assert f"on the way {way}, s25 returned, s26 returned, s27 returned, s28 returned, s29 returned\n" in said.out
    (finding,) = [one for one in cli("check", "long.yaml", "--json").json["findings"] if one["trace"]]
    assert len(finding["trace"]) == 31, "a program is told all of it"


def test_the_limit_leaves_properties_undecided(cli: Cli) -> None:
    Path("asked.yaml").write_text(ASKED.replace("  - {absence: out, after: paid, name: nothing ships}\n", ""))
    said = cli("check", "asked.yaml", "--limit", "1")
    assert said.code == 1
    assert "not decided by the first 1 configurations, and there are more [undetermined]" in said.out
