"""Games: moves are text, what is refused changes nothing, and what a choice says is what happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import statewf as wf
from statewf.errors import DataError
from statewf.machine.fsm import Machine
from statewf.machine.record import row
from statewf.web.console.moves import KINDS, Move, choices, played, read
from statewf.web.console.words import changed
from tests.flows import flows
from tests.web.support import CLAIM, DOOR
from tests.worlds import definitions

WORLDS: st.SearchStrategy[Machine] = st.one_of(
    definitions().map(wf.compile), flows().map(lambda flow: wf.compile(flow.workflow))
)
DOOR_MACHINE = wf.compile(wf.loads(DOOR))
CLAIM_MACHINE = wf.compile(wf.loads(CLAIM))


@given(st.sampled_from([kind for kind in KINDS if kind != "wait"]), st.text(), st.text())
def test_a_move_is_read_as_it_was_written(kind: str, name: str, more: str) -> None:
    assert read(Move(kind, name, more).text) == Move(kind, name, more)


@pytest.mark.parametrize("text", ["", "jump", "send/a/b/c", "wait/soon", "wait/-1", "Send/PAY"])
def test_what_is_no_move_is_told(text: str) -> None:
    with pytest.raises(DataError):
        read(text)


def test_time_is_read_as_anywhere() -> None:
    assert read("wait/30s") == Move("wait", "30000")
    assert read("wait/30000") == Move("wait", "30000")
    assert read("wait") == Move("wait")


@given(st.data())
def test_a_game_goes_on_from_where_it_was_and_every_choice_says_what_happens(data: st.DataObject) -> None:
    machine = data.draw(WORLDS)
    moves: list[Move] = []
    for _ in range(data.draw(st.integers(0, 6))):
        game = played(machine, {}, moves)
        open_to = list(choices(game.driver))
        if not open_to:
            assert game.driver.done
            break
        choice = data.draw(st.sampled_from(open_to))
        steps = len(game.driver.history)
        moves.append(choice.move)
        after = played(machine, {}, moves)
        assert after.turns[:-1] == game.turns
        assert [row(step) for step in after.driver.history[:steps]] == [row(step) for step in game.driver.history]
        turn = after.turns[-1]
        assert (turn.refused is not None) == choice.refused
        assert (len(after.driver.history) == steps) == choice.refused or choice.move.kind == "wait"
        if choice.move.kind != "wait" and not choice.refused:
            told = changed(row(after.driver.history[steps]))
            assert choice.leads.startswith(", ".join(told[:4]) or "nothing changes")


def test_a_door_is_played() -> None:
    game = played(
        DOOR_MACHINE, {}, [read(text) for text in ("send/OPEN", "send/NOTE", "send/OPEN", 'send/SHUT/{"by":"ann"}')]
    )
    assert [(turn.state, turn.refused) for turn in game.turns] == [
        ("open", None),
        ("open", None),
        ("open", None),  # it is deferred
        ("open", None),  # and taken then
    ]
    assert game.driver.context["n"] == 1
    assert game.driver.context["by"] == "ann"


def test_what_is_refused_changes_nothing_and_the_game_goes_on() -> None:
    moves = [
        Move("send", "NOPE"),
        Move("send", "LOCK", '{"code":1}'),
        Move("send", "LOCK", "{half"),
        Move("answer", "x"),
        Move("wait"),
    ]
    game = played(DOOR_MACHINE, {}, moves)
    assert len(game.driver.history) == 1
    assert all(turn.refused for turn in game.turns)
    assert "allowed" in (game.turns[0].refused or "")


def test_a_claim_is_played() -> None:
    game = played(CLAIM_MACHINE, {"boss": "bo"}, [read("answer/read/{}"), read("decide/approve/approved")])
    assert game.driver.done
    assert game.driver.success
    assert [choice.move for choice in choices(played(CLAIM_MACHINE, {}, []).driver)][:2] == [
        Move("answer", "read"),
        Move("fail", "read"),
    ]


def test_a_game_has_an_end() -> None:
    with pytest.raises(DataError, match="200 moves"):
        played(DOOR_MACHINE, {}, [Move("send", "OPEN")] * 201)


def test_time_that_brings_too_much_is_refused() -> None:
    for timeout, most, why in (("1", 2_001, "2,000 steps"), ("0", 10_002, "in a row")):
        text = f"{{initialState: s, states: {{s: {{timeout: {timeout}, timeoutTransition: s, on: {{GO: t}}}}, t: {{terminal: true}}}}}}"
        game = played(wf.compile(wf.loads(text)), {}, [Move("wait", str(10**12)), Move("send", "GO")])
        assert len(game.driver.history) <= most
        assert why in (game.turns[0].refused or "")
        assert game.driver.done
