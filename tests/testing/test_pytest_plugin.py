"""Real runs of pytest over folders of files: what is collected, and how what is wrong is told."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

DOOR = """\
name: door
initialState: closed
states:
  closed: {on: {OPEN: open, LOCK: locked}}
  open: {on: {CLOSE: closed}}
  locked: {terminal: true}
"""
PASSES = "machine: ../door.yaml\nevents: [{send: LOCK}]\nexpect: {state: locked}\n"
FAILS = "machine: ../door.yaml\nevents: [{send: LOCK}]\nexpect: {state: open, elapsed: 5}\n"
STUCK = "machine: ../door.yaml\nevents: [{send: OPEN}]\n"
WRONG = "machine: ../door.yaml\neventz: []\nhandlers: {nobody: [{ok: 1, fail: x}]}\n"
OTHERS = "services: {web: {image: nginx}}\n"


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with a machine and its scenarios, and files of others."""
    machines = pytester.mkdir("machines")
    (machines / "door").mkdir()
    (machines / "door.yaml").write_text(DOOR)
    (machines / "door" / "passes.yaml").write_text(PASSES)
    (machines / "compose.yaml").write_text(OTHERS)
    return pytester


def test_definitions_are_checked_and_scenarios_played(folder: pytest.Pytester) -> None:
    result = folder.runpytest_subprocess("-v", "machines")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(
        ["machines/door.yaml::check PASSED*", "machines/door/passes.yaml::scenario PASSED*"]
    )


def test_a_definition_fails_with_its_findings_and_no_traceback(folder: pytest.Pytester) -> None:
    (folder.path / "machines" / "bad.yaml").write_text(DOOR.replace("CLOSE: closed", "CLOSE: nowhere"))
    (folder.path / "machines" / "stuck.yaml").write_text(DOOR.replace("{on: {CLOSE: closed}}", "{}"))
    (folder.path / "machines" / "broken.yaml").write_text("initialState: a\nstates: [\n")
    result = folder.runpytest_subprocess("machines")
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*bad.yaml: check*",
            "machines/bad.yaml:5: error: there is no state nowhere * at $.states.open.on.CLOSE",
            "*broken.yaml: check*",
            "machines/broken.yaml:*: error: *",
            "*stuck.yaml: check*",
            "machines/stuck.yaml:5: error: * at $.states.open",
            "    on the way OPEN",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*runtest*")


def test_a_scenario_fails_with_its_differences(folder: pytest.Pytester) -> None:
    for name, text in {"fails": FAILS, "stuck": STUCK, "wrong": WRONG}.items():
        (folder.path / "machines" / "door" / f"{name}.yaml").write_text(text)
    (folder.path / "machines" / "door" / "orphan.yaml").write_text("machine: ../nowhere.yaml\n")
    result = folder.runpytest_subprocess("machines")
    result.assert_outcomes(passed=2, failed=4)
    result.stdout.fnmatch_lines(
        [
            "*fails.yaml: scenario*",
            "state: expected 'open', got 'locked'",
            "elapsed: expected 5, got 0",
            "*orphan.yaml: scenario*",
            "machines/nowhere.yaml: error: cannot be read: * [[]unreadable[]]",
            "*stuck.yaml: scenario*",
            "it ended in open, which is no success; say so in `expect` if that is right",
            "*wrong.yaml: scenario*",
            "machines/door/wrong.yaml:2: error: * [[]unknown-key[]] at $.eventz",
        ]
    )
    result.stdout.no_fnmatch_line("*runtest*")


def test_a_bug_of_ours_is_shown_with_its_traceback(folder: pytest.Pytester) -> None:
    folder.makeconftest("import statewf.testing.files as files\nfiles.play = None\n")
    result = folder.runpytest_subprocess("machines")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*TypeError: 'NoneType' object is not callable"])


def test_what_is_named_is_taken_though_it_looks_foreign(folder: pytest.Pytester) -> None:
    (folder.path / "pipeline.yml").write_text("steps: [{label: a}]\n")
    folder.runpytest_subprocess().assert_outcomes(passed=2)
    result = folder.runpytest_subprocess("pipeline.yml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["pipeline.yml:1: error: *unknown-key*label*"])


def test_it_can_be_told_to_leave_files_alone(folder: pytest.Pytester) -> None:
    folder.makeini("[pytest]\nstatewf_collect = false\n")
    folder.runpytest_subprocess("machines").assert_outcomes()


def test_it_stands_beside_other_tests_and_is_chosen_as_they_are(folder: pytest.Pytester) -> None:
    folder.makepyfile("def test_it(): pass")
    folder.runpytest_subprocess().assert_outcomes(passed=3)
    folder.runpytest_subprocess("-k", "scenario").assert_outcomes(passed=1, deselected=2)
    folder.runpytest_subprocess("machines/door.yaml::check").assert_outcomes(passed=1)


def test_coverage_of_scenarios_and_of_tests_that_count(folder: pytest.Pytester) -> None:
    told = ["*statewf coverage*", "door: 2 of 3 states, 1 of 3 transitions", "    never entered  open"]
    folder.runpytest_subprocess("machines", "--statewf-coverage").stdout.fnmatch_lines(told)
    folder.makepyfile(
        """
        import statewf as wf

        def test_open(statewf_coverage):
            door = wf.Driver(wf.load("machines/door.yaml"))
            door.send("OPEN")
            statewf_coverage.add(door.machine, door.history)
        """
    )
    result = folder.runpytest_subprocess("--statewf-coverage")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["door: 3 of 3 states, 2 of 3 transitions", "    never taken    open --CLOSE--> closed"]
    )
    folder.runpytest_subprocess("machines").stdout.no_fnmatch_line("*statewf coverage*")
    folder.runpytest_subprocess("test_nothing.py", "--statewf-coverage").stdout.no_fnmatch_line("door*")


def test_whoever_has_no_such_files_pays_nothing(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", compose=OTHERS)
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert "statewf.testing.pytest_plugin" in sys.modules
            assert not {"attr", "anyio", "lark", "yaml", "hypothesis.strategies"} & set(sys.modules)
        """
    )
    others = ("-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:schemathesis")
    pytester.runpytest_subprocess(*others).assert_outcomes(passed=1)


def test_it_is_found_by_its_entry_point() -> None:
    (found,) = entry_points(group="pytest11", name="statewf")
    assert found.value == "statewf.testing.pytest_plugin"
    run = subprocess.run([sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, check=True)
    assert "--statewf-coverage" in run.stdout
    assert "statewf_collect" in run.stdout


def test_each_property_is_a_test(folder: pytest.Pytester) -> None:
    (folder.path / "machines" / "asked.yaml").write_text(
        "initialState: a\nstates: {a: {on: {GO: b, OUT: c}, timeout: 1h, timeoutTransition: c}, b: {terminal: true}, c: {terminal: true}}\n"
        "properties:\n  - {absence: b, name: never there}\n  - {absence: [b, c]}\n  - {absence: [b, c]}\n  - {absence: x}\n"
    )
    run = folder.runpytest_subprocess("machines/asked.yaml", "-v")
    run.assert_outcomes(passed=3, failed=2)
    run.stdout.fnmatch_lines(
        [
            "machines/asked.yaml::check PASSED*",
            "machines/asked.yaml::never there FAILED*",
            "machines/asked.yaml::never both b and c in one run PASSED*",
            "machines/asked.yaml::never both b and c in one run (2) PASSED*",
            "*asked.yaml:4: error: never there: never b: a run does so (a → b) *violated-property*",
            "*on the way start, GO",
            "*asked.yaml:7: error: asked has no state x *unknown-atom*",
        ]
    )
