"""Design 4.1: which transition an event takes, in which order things are done, and what data they see."""

from __future__ import annotations

import pytest

from .support import Recorder, drive, play, refusal

GUARDED = """
initialState: open
states:
  open:
    on:
      PAY:
        - {target: rich, guard: "event.data.sum >= 100"}
        - {target: fair, guard: "event.data.sum >= 10"}
        - {target: poor, guard: "context.credit || inputs.vip"}
        - {guard: "event.data.sum === 5"}
      NAMED: {target: fair, guard: "event.name === 'NAMED' && attempt === 1"}
  rich: {terminal: true}
  fair: {terminal: true}
  poor: {terminal: true, outcome: failure}
"""


@pytest.mark.parametrize(
    ("inputs", "script", "trail"),
    [
        ({}, 'PAY:{"sum":500}', "rich"),
        ({}, 'PAY:{"sum":100}', "rich"),
        ({}, 'PAY:{"sum":99}', "fair"),
        ({}, 'PAY:{"sum":9}', "!guard"),
        ({}, "PAY", "!guard"),
        ({}, 'PAY:{"sum":5}', "open"),
        ({"vip": True}, 'PAY:{"sum":5}', "poor"),
        ({"credit": 1}, "PAY", "poor"),
        ({}, "NAMED", "fair"),
        ({}, 'PAY:{"credit":true} PAY', "!guard !guard"),  # a refused event merges nothing
        ({}, 'PAY:{"sum":5,"credit":true} PAY', "open poor"),  # and guards see the context before the merge
    ],
)
def test_the_first_transition_whose_guard_holds_is_taken(inputs: object, script: str, trail: str) -> None:
    assert play(drive(GUARDED, inputs), script) == trail


def test_a_refusal_tells_reason_and_what_is_allowed() -> None:
    driver = drive(GUARDED)
    told = refusal(lambda: driver.send("PAY", {"sum": 1}))
    assert (told.reason, told.allowed, told.faults) == ("guard", ("PAY", "NAMED"), ())
    assert refusal(lambda: driver.send("SHIP")).reason == "unexpected"
    assert len(driver.history) == 1


def test_a_faulting_guard_counts_as_false_and_is_told() -> None:
    driver = drive(GUARDED)
    told = refusal(lambda: driver.send("PAY", {"sum": "much"}))
    assert told.reason == "guard"
    assert [fault.split(":")[0] for fault in told.faults] == [
        "event.data.sum >= 100",
        "event.data.sum >= 10",
    ]


def test_a_fault_on_the_way_to_a_guard_that_holds_is_told_in_receipt_and_row() -> None:
    driver = drive(GUARDED, {"vip": True})
    receipt = driver.send("PAY", {"sum": "much"})
    assert receipt.state == "poor"
    assert len(receipt.notes) == 2
    assert driver.rows[-1]["notes"][0].startswith("fault: event.data.sum >= 100: ")


INTERNAL = """
initialState: here
states:
  here:
    onEntry: {type: assign, set: {entered: "(context.entered ?? 0) + 1"}}
    onExit: {type: emit, event: Left}
    timeout: 10s
    timeoutTransition: late
    on:
      NOTE: {actions: {type: assign, set: {note: "event.data.text"}}}
      AGAIN: here
  late: {terminal: true}
"""


def test_an_internal_transition_leaves_and_enters_nothing() -> None:
    driver = drive(INTERNAL)
    assert play(driver, '+6 NOTE:{"text":"hi"} +3.999 +0.001') == "here here here late"
    assert driver.context == {"entered": 1, "note": "hi", "text": "hi"}
    assert [told.event for told in driver.emitted] == ["Left"]
    assert driver.rows[1]["changes"] == []


def test_a_transition_to_itself_leaves_and_enters() -> None:
    driver = drive(INTERNAL)
    assert play(driver, "+6 AGAIN +6 AGAIN +6 +4") == "here here here here here late"
    assert driver.context == {"entered": 3}
    assert [told.at for told in driver.emitted] == [6_000, 12_000, 22_000]


ALWAYS = """
initialState: start
states:
  start: {on: {GO: sorting, COUNT: counting}}
  sorting:
    always:
      - {target: big, guard: "context.n > 10"}
      - {target: small, guard: "context.n >= 0"}
    on: {SET: {actions: {type: assign, set: {n: "event.data.n"}}}}
  big: {always: huge, on: {NEVER: big}}
  counting:
    always: {target: counting, guard: "(context.n ?? 0) < 3", actions: {type: assign, set: {n: "(context.n ?? 0) + 1"}}}
    on: {GO: small}
  huge: {terminal: true}
  small: {terminal: true}
"""


@pytest.mark.parametrize(
    ("script", "trail", "moves"),
    [
        ('GO:{"n":11}', "huge", ["sorting", "big", "huge"]),  # one event, one macrostep
        ('GO:{"n":1}', "small", ["sorting", "small"]),
        ('GO SET:{"n":50}', "sorting huge", ["big", "huge"]),  # tried after every change of the context, too
        ("COUNT", "counting", ["counting"] * 4),
    ],
)
def test_always_is_tried_after_every_change(script: str, trail: str, moves: list[str]) -> None:
    driver = drive(ALWAYS)
    assert play(driver, script) == trail
    assert [move.target for move in driver.history[-1].moves] == moves


def test_always_may_lead_away_from_the_initial_state() -> None:
    driver = drive("{initialState: a, states: {a: {always: b}, b: {always: c}, c: {terminal: true}}}")
    assert (driver.state, driver.done) == ("c", True)
    assert [change["to"] for change in driver.rows[0]["changes"]] == ["a", "b", "c"]


def test_a_circle_of_always_is_cut_and_told() -> None:
    driver = drive("{initialState: a, states: {a: {always: b, on: {X: c}}, b: {always: a}, c: {terminal: true}}}")
    assert driver.history[0].notes[0].kind == "livelock"
    assert driver.state == "a"  # none of them is taken
    assert play(driver, "X") == "c"


ORDER = """
initialState: from
states:
  from:
    onExit:
      - {type: emit, event: exit}
      - {type: assign, set: {atExit: "context.n"}}
    on:
      GO:
        target: to
        actions:
          - {type: emit, event: during}
          - {type: assign, set: {atTransition: "context.n", n: "context.n + 1"}}
  to:
    onEntry:
      - {type: assign, set: {atEntry: "context.n", name: "event.name"}}
      - {type: emit, event: entry}
"""


def test_exit_then_merge_then_transition_then_entry() -> None:
    driver = drive(ORDER, {"n": 1})
    driver.send("GO", {"n": 10})
    assert driver.context == {"atExit": 1, "atTransition": 10, "atEntry": 11, "n": 11, "name": "GO"}
    assert [(told.event, told.data.get("n")) for told in driver.emitted] == [
        ("exit", 1),
        ("during", 10),
        ("entry", 11),
    ]


def test_function_actions_see_the_context_of_their_moment() -> None:
    log = Recorder()
    driver = drive(
        """
        initialState: a
        states:
          a:
            onExit: {type: function, handler: one}
            on: {GO: {target: b, actions: {type: function, handler: two}}}
          b:
            onEntry:
              - {type: assign, set: {n: "context.n * 2"}}
              - {type: function, handler: three}
        """,
        {"n": 1},
        one=log.handler(),
        two=log.handler(),
        three=log.handler(),
    )
    driver.send("GO", {"n": 5})
    assert log.names == ["one", "two", "three"]
    assert log.tell("n") == [1, 5, 10]


ASSIGN = """
initialState: a
states:
  a:
    on:
      SWAP: {actions: {type: assign, set: {x: context.y, y: context.x}}}
      SET: {actions: {type: assign, set: {x: "event.data.list[1]", z: "event.data.none"}}}
      BAD: {actions: {type: assign, set: {x: "1 / 0", y: "'fine'"}}}
      FIXED: {actions: {type: assign, set: {x: 3, y: true, z: null}}}
"""


@pytest.mark.parametrize(
    ("script", "context"),
    [
        ("SWAP", {"x": 2, "y": 1}),  # all values are computed before any is set
        ('SET:{"list":[1,[2,3]]}', {"x": [2, 3], "y": 2, "z": None, "list": [1, [2, 3]]}),
        ("BAD", {"x": 1, "y": "fine"}),
        ("FIXED", {"x": 3, "y": True, "z": None}),
    ],
)
def test_assign(script: str, context: object) -> None:
    driver = drive(ASSIGN, {"x": 1, "y": 2})
    play(driver, script)
    assert driver.context == context
    assert driver.inputs == {"x": 1, "y": 2}


def test_a_faulting_assignment_is_told() -> None:
    driver = drive(ASSIGN)
    (note,) = driver.send("BAD").notes
    assert note.startswith("assign x = 1 / 0: division by zero")


def test_emit_gives_its_data_or_the_whole_context() -> None:
    driver = drive(
        """
        initialState: a
        states:
          a:
            on:
              GO:
                actions:
                  - {type: emit, event: Plain}
                  - {type: emit, event: Made, data: {list: [1, {deep: true}]}}
                  - {type: emit, event: Empty, data: {}}
        """,
        {"b": 1, "a": [1]},
    )
    driver.advance(2)
    driver.send("GO", {"c": 3})
    assert driver.emitted == [
        ("Plain", {"a": [1], "b": 1, "c": 3}, 2_000),
        ("Made", {"list": [1, {"deep": True}]}, 2_000),
        ("Empty", {}, 2_000),
    ]
