"""The command line with a Temporal server in place of a store: a worker in a process of its own, a real server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cli.support import CLAIM, DOOR, Cli, Said, machine, until

Write = Callable[[str], str]

UNGUARDED = DOOR.replace("{target: locked, guard: event.data.code === 42}", "locked")
PRICED = CLAIM + "pricing: {model: per-execution, rate: 1.5, stepRates: {file: 0.125}}\n"


def listed(there: Cli, name: str, *args: str) -> Sequence[str]:
    return [one["instance"] for one in there("list", "--machine", name, *args, "--json").json]


# --- a state machine


def test_a_state_machine_is_driven_as_in_a_store(there: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    said = there("start", f"{name}.yaml", "--input", '{"who": "ann"}')
    door = said.out.strip()
    assert (said.code, said.err) == (0, f"{door} is in closed. It accepts OPEN, LOCK.\n")
    said = there("send", door, "OPEN")
    assert said == Said(0, f"OPEN: accepted. {door} is in open. It accepts CLOSE.\n", "")
    assert there("send", door, "CLOSE", "--key", "k", "--json").json == {
        "instance": door,
        "event": "CLOSE",
        "disposition": "accepted",
        "seq": 3,
        "state": "closed",
        "allowed": ["OPEN", "LOCK"],
        "notes": [],
    }
    assert there("send", door, "CLOSE", "--key", "k", "--json").json["disposition"] == "duplicate"
    said = there("send", door, "LOCK", "--data", '{"code": 42}')
    assert said == Said(0, f"LOCK: accepted. {door} ended in locked.\n", "")
    told = [line.split()[2:] for line in there("history", door).out.splitlines()]
    assert told[:4] == [
        ["event", "change"],
        ["$start", "·", "→", "closed", '{"who":"ann"}'],
        ["OPEN", "closed", "→", "open"],
        ["CLOSE", "open", "→", "closed"],
    ]
    assert [row["event"] for row in there("history", door, "--json").json] == ["$start", "OPEN", "CLOSE", "LOCK"]


def test_where_it_is_is_shown_as_of_a_store(there: Cli, cli: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    door = there("start", f"{name}.yaml", "--json", "--request-id", "r").json["instance"]
    kept = cli("start", f"{name}.yaml", "--json", "--request-id", "r").json["instance"]
    for verb in (there, cli):
        verb("send", door if verb is there else kept, "OPEN")
    mine, theirs = cli("show", kept), there("show", door)
    labels = [line.split("  ")[0] for line in theirs.out.splitlines()]
    assert labels == ["instance", "machine", "state", "accepts", "request", "started", "last step"]
    assert [line.split("  ")[0] for line in mine.out.splitlines() if "time left" not in line] == labels
    here, far = cli("show", kept, "--json").json, there("show", door, "--json").json
    times = ("created", "updated", "instance")
    assert {k: v for k, v in far.items() if k not in times} == {k: v for k, v in here.items() if k not in times}
    assert far["created"] <= far["updated"] == there("history", door, "--json").json[-1]["at"]


def test_instances_are_listed_and_may_be_narrowed(there: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    first, second = (there("start", f"{name}.yaml", "--json").json["instance"] for _ in range(2))
    there("send", first, "LOCK", "--data", '{"code": 42}')
    until(lambda: listed(there, name, "--state", "locked") == [first])
    until(lambda: listed(there, name) == [second, first])
    assert listed(there, name, "--limit", "1") == [second]
    rows = there("list", "--machine", name).out.splitlines()
    assert rows[0].split() == ["instance", "machine", "state", "last", "step", "request"]
    assert rows[1].split() == [second, name, "closed"]  # nobody knows when it took its last step
    assert rows[2].split()[:4] == [first, name, "locked", "(success)"]
    assert there("list", "--machine", "no-such-machine").out == "no instances\n"


def test_a_rejected_event_is_told_with_what_is_allowed_and_what_was_meant(there: Cli, folder: Path) -> None:
    door = there("start", f"{machine(folder, DOOR)}.yaml", "--json").json["instance"]
    said = there("send", door, "OPNE")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines() == [
        "OPNE was rejected (unexpected): closed does not accept it; allowed now: OPEN, LOCK",
        "    did you mean OPEN?",
    ]
    said = there("send", door, "OPNE", "--json")
    assert (said.code, said.err) == (1, "")
    assert said.json["allowed"] == ["OPEN", "LOCK"]
    assert (said.json["disposition"], said.json["reason"]) == ("rejected", "unexpected")
    assert there("cancel", door).out == f"$cancel: accepted. {door} ended in $cancelled.\n"
    assert there("cancel", door).code == 1


def test_a_request_is_started_once_and_may_be_restarted_when_it_failed(there: Cli, folder: Path) -> None:
    name = machine(folder, CLAIM)
    ask = ["start", f"{name}.yaml", "--request-id", "one", "--json"]
    first = there(*ask).json["instance"]
    assert there(*ask).json["instance"] == first
    said = there(*ask, "--input", '{"other": 1}')
    assert (said.code, said.codes) == (2, ["request-conflict"])
    there("cancel", first, "--now")
    assert there(*ask).json["state"] == "cancelled"
    assert there(*ask, "--restart").json["state"] == "running"


# --- a workflow with a task and a price


def test_a_workflow_is_decided_and_paid(there: Cli, folder: Path) -> None:
    name = machine(folder, PRICED)
    ann = f"ann of {name}"
    claim = there("start", f"{name}.yaml", "--input", f'{{"boss": "{ann}"}}', "--json").json["instance"]
    task = {
        "id": f"{claim}/approve/1",
        "instance": claim,
        "step": "approve",
        "assignedTo": ann,
        "details": {"about": "the claim"},
        "dueAt": None,
    }
    until(lambda: there("tasks", "--instance", claim, "--json").json == [task])
    until(lambda: task in there("tasks", "--assigned-to", ann, "--json").json)
    assert there("tasks", "--instance", claim, "--assigned-to", "bob").out == "no open tasks of that kind\n"
    row = there("tasks", "--instance", claim).out.splitlines()[1]
    assert row.split() == [task["id"], *ann.split(), "about:", "the", "claim"]

    said = there("complete", f"{claim}/aprove/1", "--decision", "approved")
    assert (said.code, said.out) == (2, "")
    assert f"there is no task {claim}/aprove/1" in said.err
    assert f"did you mean {task['id']}?" in said.err
    decide = [
        "complete",
        str(task["id"]),
        "--decision",
        "approved",
        "--by",
        "ann",
        "--comments",
        "well",
        "--result",
    ]
    said = there(*decide, '{"grade": 1}')
    assert said == Said(0, f"approved: accepted. {claim} is in running. It accepts PAID.\n", "")
    decided = there("show", claim, "--json").json["results"]["approve"]
    assert (decided["reviewedBy"], decided["comments"], decided["result"]) == ("ann", "well", {"grade": 1})
    said = there(*decide, '{"grade": 2}', "--json")
    assert (said.code, said.json["reason"]) == (1, "stale")

    said = there("cost", claim)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == ["execution  1.5", "total USD  1.50  so far"]
    there("send", claim, "PAID")
    until(lambda: there("show", claim, "--json").json["done"])
    assert there("cost", claim).out.splitlines() == [
        "execution  1.5",
        "file       0.125",
        "total USD  1.62   1.625, rounded",
    ]
    bill = there("cost", claim, "--volume", "3", "--json").json
    assert (bill["instance"], bill["final"], bill["charged"]) == (claim, False, "1.62")
    shown = there("show", claim).out
    assert "4 succeeded" in shown
    assert "time left" not in shown


def test_a_workflow_that_is_cancelled_undoes_what_it_did(there: Cli, folder: Path) -> None:
    claim = there("start", f"{machine(folder, CLAIM)}.yaml", "--json").json["instance"]
    until(lambda: there("tasks", "--instance", claim, "--json").json)
    assert there("cancel", claim).code == 0
    until(lambda: there("show", claim, "--json").json["done"])
    undone = there("show", claim, "--json").json["compensations"]
    assert [(record["step"], record["action"]) for record in undone] == [("read", "forget")]


def test_what_costs_nothing_has_no_bill(there: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    door = there("start", f"{name}.yaml", "--json").json["instance"]
    said = there("cost", door)
    assert said.code == 2
    assert f"{name} costs nothing" in said.err


# --- a run


def test_a_run_is_driven_live_as_in_a_store(there: Cli, cli: Cli, folder: Path) -> None:
    name = machine(folder, UNGUARDED)
    args = ["run", f"{name}.yaml", "--events", "OPEN,LOCK,CLOSE,LOCK"]
    here, far = cli(*args), there(*args)
    assert (far.code, len(far.out.splitlines())) == (here.code, len(here.out.splitlines())) == (0, 6)
    assert [line.split()[2:] for line in far.out.splitlines()] == [
        line.split()[2:] for line in here.out.splitlines()
    ]
    assert "LOCK was rejected (unexpected): open does not accept it; allowed now: CLOSE" in far.err
    kept = {"instance", "elapsed", "history", "emitted"}
    here, far = cli(*args, "--json"), there(*args, "--json")
    assert {k: v for k, v in far.json.items() if k not in kept} == {
        k: v for k, v in here.json.items() if k not in kept
    }
    assert [row["event"] for row in far.json["history"]] == [row["event"] for row in here.json["history"]]


def test_a_run_goes_on_with_what_it_left(there: Cli, temporal: str, folder: Path) -> None:
    name = machine(folder, PRICED)
    args = ["run", f"{name}.yaml", "--input", '{"boss": "ann"}', "--request-id", "r"]
    said = there(*args)
    assert said.code == 1
    assert f"{name}:r  started" in said.out
    assert f"statewf complete {name}:r/approve/1" in said.err
    assert f"--decision approved --temporal {temporal}" in said.err
    said = there(*args, "--decide", "approve=approved", "--events", "PAID", "--json")
    assert (said.code, said.json["state"], said.json["cost"]) == (0, "completed", "1.62")
    said = there(*args)
    assert f"{name}:r  goes on from completed" in said.out
    assert "ended in completed (success)" in said.out


def test_a_run_is_started_with_what_was_there_before(there: Cli, folder: Path) -> None:
    name = machine(folder, UNGUARDED)
    there("start", f"{name}.yaml", "--request-id", "r")
    text = (folder / f"{name}.yaml").read_text()
    (folder / f"{name}.yaml").write_text(f"{text}\ncontext: {{ new: true }}\n")
    said = there("run", f"{name}.yaml", "--request-id", "r", "--events", "LOCK")
    assert said.code == 0
    assert f"was started with an earlier {name}, and goes on with that" in said.err
    assert "goes on from closed" in said.out


def test_the_way_of_an_instance_is_drawn(there: Cli, cli: Cli, folder: Path) -> None:
    name = machine(folder, UNGUARDED)
    far = there("run", f"{name}.yaml", "--events", "OPEN", "--json").json["instance"]
    here = cli("run", f"{name}.yaml", "--events", "OPEN", "--json").json["instance"]
    args = ["draw", f"{name}.yaml", "--instance"]
    assert there(*args, far) == cli(*args, here)
    assert there(*args, far).code == 0
    assert "--instance draws one, --stats all" in there("draw", f"{name}.yaml").err


# --- what is learnt of many


def test_what_became_of_many_is_told_and_learnt_as_of_a_store(there: Cli, cli: Cli, folder: Path) -> None:
    name = machine(folder, UNGUARDED)
    for events in ("OPEN,CLOSE,LOCK", "LOCK", "OPEN"):
        for verb in (there, cli):
            verb("run", f"{name}.yaml", "--events", events, "--json")
    until(lambda: len(listed(there, name)) == 3)
    far, here = (verb("stats", "--machine", name, "--json").json[0] for verb in (there, cli))
    assert (far["machine"], far["instances"], far["running"]) == (name, 3, 1)
    counted = [[(place["name"], place["visits"]) for place in found["places"]] for found in (far, here)]
    assert sorted(counted[0]) == sorted(counted[1])
    assert name in there("stats").out
    assert "2x" in there("draw", f"{name}.yaml", "--stats").out
    forecast = there("forecast", f"{name}.yaml", "--from-history", "--json")
    assert (forecast.code, forecast.json["machine"]) == (0, name)
    drawn = there("simulate", f"{name}.yaml", "--runs", "10", "--from-history", "--json")
    assert (drawn.code, drawn.json["machine"]) == (0, name)


def test_why_not_now_is_explained_as_of_a_store(there: Cli, cli: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    far = there("start", f"{name}.yaml", "--json").json["instance"]
    here = cli("start", f"{name}.yaml", "--json").json["instance"]
    said, known = there("explain", far, "CLOSE", "--json"), cli("explain", here, "CLOSE", "--json")
    assert said.code == known.code == 1
    assert {**said.json, "instance": ""} == {**known.json, "instance": ""}


def test_nothing_is_learnt_where_nothing_was(there: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    said = there("forecast", f"{name}.yaml", "--from-history")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"has no instances of {name} to learn from; `statewf list --temporal" in said.err
    assert "--from-history says so" in there("forecast", f"{name}.yaml").err
    said = there("stats", "--machine", name)
    assert (said.code, said.out) == (2, "")
