"""`explain`: what is told of an event, for people and for programs, from a real store."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.support import CLAIM_HANDLERS, Cli, Terminal, ended, process, until
from tests.cli.test_two_processes import Write


def facts(text: str) -> dict[str, list[str]]:
    """The lines of each fact, by its name."""
    found: dict[str, list[str]] = {}
    column = text.index(text.split()[1])
    for line in text.splitlines():
        name = line[:column].strip()
        if name:
            found[name] = []
        found[list(found)[-1]].append(line[column:])
    return found


def begun(cli: Cli, *args: str) -> str:
    return str(cli("start", *args, "--json").json["instance"])


@pytest.fixture
def door(cli: Cli) -> str:
    return begun(cli, "door.yaml")


def test_an_event_that_is_accepted_now_says_where_it_leads(cli: Cli, door: str) -> None:
    said = cli("explain", door, "OPEN")
    assert (said.code, said.err) == (0, "")
    assert facts(said.out) == {
        "instance": [door],
        "event": ["OPEN"],
        "state": ["closed"],
        "answer": ["accepted: it would lead to open"],
        "changes": ["closed → open"],
    }
    guarded = cli("explain", door, "LOCK", "--data", '{"code": 42}')
    assert guarded.code == 0
    told = facts(guarded.out)["because"]
    assert told == ["→ locked if event.data.code === 42: it holds; event.data.code = 42"]


def test_an_event_that_is_not_says_why_and_what_has_to_happen(cli: Cli, door: str) -> None:
    said = cli("explain", door, "CLOSE")
    assert said.code == 1
    told = facts(said.out)
    assert told["answer"] == ["rejected (unexpected): closed does not accept it"]
    assert (told["known in"], told["way"]) == (["open"], ["1. OPEN"])


def test_a_guard_is_told_with_values_and_what_they_would_have_to_be(cli: Cli, door: str, folder: Path) -> None:
    said = cli("explain", door, "LOCK")
    told = facts(said.out)
    assert told["because"] == ["→ locked if event.data.code === 42: it does not hold; event.data.code = undefined"]
    assert told["way"] == ["now, if event.data.code === 42"]
    (folder / "wrong.json").write_text('{"code": "x"}')
    wrong = facts(cli("explain", door, "LOCK", "--data", "@wrong.json").out)
    assert wrong["because"][0].endswith('event.data.code = "x"')
    assert wrong["way"] == ["none: whatever happens, LOCK with these data is not accepted any more"]


def test_json_is_one_document(cli: Cli, door: str) -> None:
    said = cli("explain", door, "LOCK", "--json")
    assert (said.code, said.err) == (1, "")
    assert said.json == {
        "instance": door,
        "event": "LOCK",
        "state": "closed",
        "accepted": False,
        "disposition": "rejected",
        "reason": "guard",
        "message": "in closed no guard holds for it",
        "changes": [],
        "candidates": [
            {
                "state": "closed",
                "transition": "locked",
                "guard": "event.data.code === 42",
                "values": {},
                "undefined": ["event.data.code"],
                "holds": False,
            }
        ],
        "knownIn": [],
        "way": [],
        "supposed": ["event.data.code === 42"],
        "overwriting": False,
        "complete": True,
    }
    taken = cli("explain", door, "OPEN", "--json")
    assert (taken.code, taken.json["accepted"], taken.json["way"]) == (0, True, [])
    assert taken.json["changes"] == [{"region": "main", "from": "closed", "to": "open", "attempt": 1}]


def test_a_running_action_and_an_end_are_told(cli: Cli) -> None:
    greeter = begun(cli, "greeter.yaml")
    told = facts(cli("explain", greeter, "BYE").out)
    assert told["answer"] == ["rejected (busy): greet is still running"]
    assert told["way"] == ["1. greet returned"]
    cli("cancel", greeter)
    over = facts(cli("explain", greeter, "BYE").out)
    assert over["answer"] == ["rejected (terminal): the instance has ended"]
    assert over["way"] == ["none: whatever happens, BYE is not accepted any more"]


MIXED = """\
name: mixed
initialState: a
states:
  a:
    on:
      NO:
        - {target: b, guard: 1 / 0 > context.total}
        - {guard: context.total > 100, actions: {type: emit, event: Big}}
      PAY: [{target: b, guard: context.total > 100}, {target: a}]
    retry: {maxAttempts: 1, on: NO}
  b: {on: {SHIP: done, TELL: b}}
  done: {terminal: true}
"""


def test_counters_faults_and_what_would_have_to_change_are_told(cli: Cli, folder: Path) -> None:
    (folder / "mixed.yaml").write_text(MIXED)
    mixed = begun(cli, "mixed.yaml", "--input", '{"total": 30}')
    assert facts(cli("explain", mixed, "NO").out)["because"] == [
        "→ a if attempt < 1: it does not hold; attempt = 1",
        "→ b if 1 / 0 > context.total: no answer, division by zero: 1 / 0; context.total = 30",
        "stays in a if context.total > 100: it does not hold; context.total = 30",
    ]
    assert facts(cli("explain", mixed, "SHIP").out)["way"] == [
        "1. PAY",
        "2. PAY, if context.total > 100",
        "where what comes from outside changes what the context holds now",
    ]
    cut = cli("explain", mixed, "SHIP", "--limit", "1")
    assert facts(cut.out)["way"] == ["not found within 1 configurations; --limit allows more"]
    assert (cut.code, cli("explain", mixed, "SHIP", "--limit", "1", "--json").json["complete"]) == (1, False)


def test_a_step_of_a_workflow_says_what_it_waits_for(cli: Cli) -> None:
    claim = begun(cli, "claim.yaml", "--input", '{"boss": "ann"}')
    said = cli("explain", claim, "PAID")
    assert said.code == 1
    told = facts(said.out)
    assert told["answer"] == ["deferred: claim does not take it now: it would be kept until something does"]
    assert told["because"] == ["paid is waiting for approve (waiting)"]
    assert told["way"] == ["1. read returned", "2. approve approved"]


MANY = "".join(f"  - {{id: b{n}, dependsOn: [], type: event, event: F{n}}}\n" for n in range(9))


def test_a_way_that_may_be_longer_than_needed_says_so(cli: Cli, folder: Path) -> None:
    behind = ", ".join(f"b{n}" for n in range(9))
    text = f"name: many\nsteps:\n{MANY}  - {{id: w, type: event, event: E, dependsOn: [{behind}]}}\n"
    (folder / "many.yaml").write_text(text)
    way = facts(cli("explain", begun(cli, "many.yaml"), "E", "--limit", "200").out)["way"]
    assert way[0] == "maybe not the shortest, which was not found within 200 configurations:"
    assert way[1:] == [f"{n + 1}. F{n}" for n in range(9)]


# --- mistakes


def test_a_name_that_the_machine_does_not_know_is_a_mistake(cli: Cli, door: str) -> None:
    said = cli("explain", door, "opne")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: door knows no event opne [unknown-event]\n    did you mean OPEN?\n"
    assert cli("explain", door, "opne", "--json").codes == ["unknown-event"]
    assert "there is OPEN, LOCK, CLOSE" in cli("explain", door, "zzz").err


def test_other_mistakes_are_told_as_by_other_verbs(cli: Cli, door: str) -> None:
    nobody = cli("explain", "door-0", "OPEN")
    assert (nobody.code, nobody.err) == (2, cli("show", "door-0").err)
    assert cli("explain", "door-0", "OPEN", "--json").codes == ["unknown-instance"]
    assert cli("explain", door, "OPEN", "--db", "no.db").code == 2
    assert cli("explain", door, "LOCK", "--data", "[1]", "--json").codes == ["not-an-object"]
    assert cli("explain", door, "LOCK", "--limit", "0").code == 2
    assert cli("explain", door).code == 2


# --- where others work


def test_explaining_changes_nothing(cli: Cli, door: str) -> None:
    before = cli("history", door, "--json").json
    for event in ("OPEN", "CLOSE", "LOCK"):
        cli("explain", door, event)
    assert cli("history", door, "--json").json == before


def test_it_reads_beside_a_service_that_owns_the_store(cli: Cli, handlers: Write) -> None:
    claim = begun(cli, "claim.yaml", "--input", '{"boss": "ann"}')
    service = process("serve", "--handlers", handlers(CLAIM_HANDLERS))
    try:
        until(lambda: cli("tasks", "--json").json)  # it has read
        told = facts(cli("explain", claim, "PAID").out)
    finally:
        service.send_signal(signal.SIGTERM)
        ended(service)
    assert (told["because"], told["way"]) == (["paid is waiting for approve (assigned)"], ["1. approve approved"])


def test_at_a_terminal_nothing_is_wider_than_it_is(cli: Cli, door: str) -> None:
    terminal = Terminal.of("explain", door, "LOCK", "--data", f'{{"code": "{"long " * 60}"}}')
    assert terminal.finish() == 1
    assert "long" in terminal.screen
    assert max(map(len, terminal.screen.splitlines())) <= 80
