"""`check` of workflows, as it is used: what cannot be read, what is wrong, and what is fine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.support import Cli

UNREADABLE = {
    "a condition that does not parse": ("when: 'inputs.x >'", "bad-expression", "$.steps[0].when"),
    "an unknown onError": ("onError: rolback", "bad-choice", "$.steps[0].onError"),
    "an unknown type": ("type: functoin", "bad-choice", "$.steps[0].type"),
    "an unknown backoff": (
        "retryPolicy: {maxAttempts: 2, backoff: expo}",
        "bad-choice",
        "$.steps[0].retryPolicy.backoff",
    ),
    "an unknown strategy": (
        "type: parallel, steps: [{id: x}], strategy: most",
        "bad-choice",
        "$.steps[0].strategy",
    ),
    "no attempts": (
        "type: wait, duration: 1s, retryPolicy: {maxAttempts: 2}",
        "no-attempts",
        "$.steps[0].retryPolicy",
    ),
    "retrying what makes no attempts": (
        "type: wait, duration: 1s, onError: retry",
        "no-attempts",
        "$.steps[0].onError",
    ),
    "a timeout below zero": ("timeout: -1", "", "$.steps[0].timeout"),
}


@pytest.mark.parametrize(("keys", "code", "path"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused_with_its_place_and_a_hint(
    cli: Cli, folder: Path, keys: str, code: str, path: str
) -> None:
    (folder / "w.yaml").write_text(f"name: w\nsteps:\n  - {{id: a, {keys}}}\n")
    said = cli("check", "w.yaml", "--json")
    assert said.code == 2
    (error,) = said.json["errors"]
    assert (error["path"], error["line"]) == (path, 3)
    assert error["hint"]
    assert not code or error["code"] == code


WRONG = """
name: w
steps:
  - {id: a, dependsOn: [b]}
  - {id: b, dependsOn: [a], compensation: {steps: [{action: undo, stepId: c}]}}
  - id: late
    when: results.a.ok && results.x.ok
    dependsOn: [x]
  - {id: p, type: parallel, strategy: {quorum: 2}, steps: [{id: x}]}
"""


def test_what_is_wrong_is_a_finding_and_other_verbs_refuse_it(cli: Cli, folder: Path) -> None:
    (folder / "w.yaml").write_text(WRONG)
    said = cli("check", "w.yaml", "--json")
    assert said.code == 1
    assert said.json["states"] == 5
    assert [(one["rule"], one["where"], one["line"]) for one in said.json["findings"]] == [
        ("cyclic-dependency", "$.steps[0].dependsOn[0]", 4),
        ("unknown-step", "$.steps[1].compensation.steps[0].stepId", 5),
        ("unsettled-read", "$.steps[2].when", 7),
        ("unsettled-read", "$.steps[2].when", 7),
        ("foreign-dependency", "$.steps[2].dependsOn[0]", 8),
        ("quorum-too-large", "$.steps[3].strategy.quorum", 9),
    ]
    assert all(one["hint"] and one["severity"] == "error" for one in said.json["findings"])
    told = cli("check", "w.yaml").out
    assert "w.yaml:4: error: a waits for b, b waits for a [cyclic-dependency] at $.steps[0].dependsOn[0]\n" in told
    assert told.splitlines()[-1] == "w.yaml: not ok: 5 steps, 6 errors"
    assert cli("run", "w.yaml").code == 2


def test_what_is_fine_is_told_with_its_size(cli: Cli, folder: Path) -> None:
    (folder / "one.yaml").write_text("steps: [{id: a}]")
    said = cli("check", "one.yaml", "--json")
    assert said.code == 0
    assert said.json["configurations"] == 7, "running, cancelling in two ways, and four ends"
    assert set(said.json) == {
        "ok",
        "states",
        "compiledStates",
        "configurations",
        "transitions",
        "findings",
        "bounds",
    }
    assert cli("check", "one.yaml").out.splitlines() == [
        "one.yaml: ok: 1 step, 7 configurations",
        "  may take for ever: the handler a has no timeout",
    ]


def test_what_is_wide_is_counted_and_told_roughly(cli: Cli, folder: Path) -> None:
    wide = [{"id": f"s{number}", "dependsOn": []} for number in range(300)]
    (folder / "wide.json").write_text(json.dumps({"name": "wide", "steps": wide}))
    assert ": ok: 300 steps, about 10^145 configurations" in cli("check", "wide.json").out
    said = cli("check", "wide.json", "--json")
    assert "bounded" not in said.json
    assert len(str(said.json["configurations"])) == 146


def test_what_is_too_large_to_be_counted_says_so(cli: Cli, folder: Path) -> None:
    wide = [{"id": f"s{number}", "dependsOn": [], "when": "inputs.x"} for number in range(300)]
    (folder / "wide.json").write_text(json.dumps({"name": "wide", "steps": wide}))
    said = cli("check", "wide.json", "--json")
    assert said.code == 0
    assert said.json["states"] == 300
    assert said.json["bounded"] is True
    assert ": ok: 300 steps, more than " in cli("check", "wide.json").out
