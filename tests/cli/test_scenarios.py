"""`simulate` and `test`: verdicts, and what is wrong with a scenario file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import ROOT, Cli

PASSES = "machine: ../door.yaml\nevents: [{at: 0, send: LOCK, data: {code: 42}}]\n"
FAILS = (
    "machine: ../door.yaml\nevents: [{at: 0, send: LOCK, data: {code: 42}}]\nexpect: {state: open, elapsed: 5}\n"
)
STUCK = "machine: ../door.yaml\nevents: [{at: 5s, send: OPEN}]\n"
WRONG = """\
machine: ../door.yaml
inputz: {a: 1}
handlers: {nobody: [{ok: 1, fail: x}]}
events: [{at: -1, send: OPEN}, {at: 0}]
expect: {stat: open}
"""


@pytest.fixture
def scenarios(folder: Path) -> Path:
    """A folder of scenarios, good and bad, and of files that are none."""
    place = folder / "scenarios"
    place.mkdir()
    for name, text in {
        "fails.yaml": FAILS,
        "passes.yml": PASSES,
        "stuck.json": '{"machine": "../door.yaml", "events": [{"at": "5s", "send": "OPEN"}]}',
        "wrong.yaml": WRONG,
        "syntax.yaml": "machine: [\n",
        "orphan.yaml": "machine: nowhere.yaml\n",
        "other.yaml": "colour: blue\n",
        "broken.yaml": "colour: [\n",
        "notes.txt": "machine: none\n",
    }.items():
        (place / name).write_text(text)
    (place / "dangling.yaml").symlink_to("nowhere")
    return place


def test_all_scenarios_of_the_order_machine_pass(cli: Cli) -> None:
    said = cli("test", "machines/order")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == "8 passed"
    document = cli("test", "machines/order", "--json").json
    assert (document["ok"], document["passed"], document["failed"], document["wrong"]) == (True, 8, 0, 0)
    ends = {scenario["state"] for scenario in document["scenarios"]}
    assert ends == {"cancelled", "delivered", "payment-failed", "returned", "validation-failed"}
    files = [file for file in (ROOT / "machines" / "order").glob("*.yaml") if file.name != "assumed.yaml"]
    assert len(files) == 8


def test_a_folder_is_searched_for_scenarios_and_each_gets_a_verdict(cli: Cli, scenarios: Path) -> None:
    said = cli("test", "scenarios")
    assert said.code == 2
    verdicts = [line for line in said.out.splitlines() if not line.startswith(" ")]
    assert verdicts == [
        "failed  scenarios/fails.yaml",
        "wrong  scenarios/orphan.yaml",
        "passed  scenarios/passes.yml",
        "failed  scenarios/stuck.json",
        "wrong  scenarios/syntax.yaml",
        "wrong  scenarios/wrong.yaml",
        "1 passed, 2 failed, 3 wrong",
    ]
    assert "    state: expected 'open', got 'locked'\n    elapsed: expected 5, got 0\n" in said.out
    assert "    it ended in open, which is no success; say so in `expect` if that is right" in said.out
    assert "    scenarios/nowhere.yaml: error: cannot be read: No such file or directory [unreadable]" in said.out
    assert '    scenarios/wrong.yaml:2: error: "inputz" is no key of this [unknown-key] at $.inputz\n' in said.out
    document = cli("test", "scenarios", "--json").json
    assert (document["ok"], document["passed"], document["failed"], document["wrong"]) == (False, 1, 2, 3)


def test_failures_alone_end_with_1(cli: Cli, scenarios: Path) -> None:
    assert cli("test", "scenarios/passes.yml").code == 0
    assert cli("test", "scenarios/passes.yml", "scenarios/fails.yaml").code == 1
    assert cli("test", "scenarios/fails.yaml", "scenarios/wrong.yaml").code == 2


@pytest.mark.parametrize("path", ["missing", "door.yaml", "scenarios/notes.txt", "/dev/null"])
def test_a_named_file_that_is_no_scenario_is_wrong(path: str, cli: Cli, scenarios: Path) -> None:
    said = cli("test", path, "--json")
    assert (said.code, said.err) == (2, "")
    assert said.json["wrong"] == 1


def test_a_folder_without_scenarios_is_a_mistake(cli: Cli, folder: Path) -> None:
    (folder / "empty").mkdir()
    said = cli("test", "empty")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("empty: error: there are no scenarios [no-scenarios]")
    assert cli("test", "empty", "--json").codes == ["no-scenarios"]


def test_simulate_shows_what_happened_and_how_it_ended(cli: Cli) -> None:
    said = cli("simulate", "machines/order.yaml", "--scenario", "machines/order/payment-failed.yaml")
    assert (said.code, said.err) == (1, "")
    head, *lines, ending, rejected = said.out.splitlines()
    assert head.split() == ["seq", "after", "event", "change"]
    assert lines[4].split()[:5] == ["5", "11s", "PAYMENT_FAILED", "processing-payment,", "attempt"]
    assert "processing-payment → payment-failed" in lines[6]
    assert ending == "payment-failed (failure) after 13s"
    assert rejected == "rejected: FULFILL"


def test_simulate_ends_with_1_unless_all_is_well(cli: Cli, scenarios: Path) -> None:
    codes = {name: cli("simulate", "door.yaml", "--scenario", f"scenarios/{name}").code for name in
             ("passes.yml", "fails.yaml", "stuck.json", "wrong.yaml", "syntax.yaml", "dangling.yaml")}  # fmt: skip
    assert codes == {
        "passes.yml": 0,
        "fails.yaml": 1,
        "stuck.json": 1,
        "wrong.yaml": 2,
        "syntax.yaml": 2,
        "dangling.yaml": 2,
    }
    said = cli("simulate", "door.yaml", "--scenario", "scenarios/fails.yaml", "--json")
    assert said.json["state"] == "locked"
    assert said.err.splitlines() == [
        "failed: state: expected 'open', got 'locked'",
        "failed: elapsed: expected 5, got 0",
    ]


def test_simulate_prints_the_whole_outcome_as_json(cli: Cli) -> None:
    said = cli("simulate", "machines/order.yaml", "--scenario", "machines/order/delivered.yaml", "--json")
    assert said.code == 0
    keys = "instance state success results context completedSteps failedSteps compensations path emitted rejected"
    assert set(said.json) == {*keys.split(), "undelivered", "history", "elapsed", "cost"}
    assert [event["event"] for event in said.json["emitted"]] == ["Order.paid", "Order.shipped"]


def test_all_mistakes_of_a_scenario_are_told_at_once(cli: Cli, scenarios: Path) -> None:
    said = cli("simulate", "door.yaml", "--scenario", "scenarios/wrong.yaml", "--json")
    assert (said.code, said.err) == (2, "")
    assert sorted(said.codes) == [
        "bad-duration", "missing-key", "two-behaviours", "unknown-handler", "unknown-key", "unknown-key",
    ]  # fmt: skip
    assert {mistake["line"] for mistake in said.json["errors"]} == {2, 3, 4, 5}
    (scenarios / "empty.yaml").write_text("")
    said = cli("simulate", "door.yaml", "--scenario", "scenarios/empty.yaml")
    assert said.err == "scenarios/empty.yaml: error: the text is empty [empty]\n"
