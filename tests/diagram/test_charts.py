"""Pictures of statecharts: what is side by side, what only remembers, what finishes the state around it."""

from __future__ import annotations

import statewf as wf
from statewf.compiler import compile_definition
from statewf.diagram import draw
from statewf.machine.fsm import Machine

TEXT = """
name: player
initialState: "off"
states:
  "off": { on: { POWER: playing.last } }
  playing:
    parallel: true
    on: { POWER: "off", BOTH: { target: [playing.disc.over, playing.lamp.dark] } }
    onDone: shelf
    states:
      last: { history: deep, initial: [disc.over, lamp.bright] }
      disc:
        initial: spinning
        states: { spinning: { on: { END: over } }, over: { final: true } }
      lamp:
        initial: bright
        states: { bright: { on: { DIM: dark } }, dark: { final: true } }
  shelf: { terminal: true }
"""


def machine() -> Machine:
    return compile_definition(wf.loads(TEXT))


def test_in_mermaid_regions_are_parted_and_a_history_is_in_none_of_its_own() -> None:
    lines = [line.strip() for line in draw(machine()).splitlines()]
    assert lines.count("--") == 1
    assert lines.index('state "H#42; last" as s2') < lines.index('state "disc" as s3 {') < lines.index("--")
    assert {"s5 --> [*]", "s8 --> [*]"} <= set(lines)  # final states end the region around them
    assert {"s1 --> s9 : done", "s2 --> s5 : at first", "s2 --> s7 : at first", "s0 --> s2 : POWER"} <= set(lines)
    assert len([line for line in lines if line.endswith(": BOTH")]) == 2


def test_in_dot_regions_have_dashed_borders_and_a_history_is_a_circle() -> None:
    text = draw(machine(), format="dot")
    assert text.count('style="rounded,filled,dashed"') == 2
    assert '"playing.last" [label="H* last"' in text
    assert "shape=circle, fontsize=10" in text


def test_all_states_that_are_active_side_by_side_are_marked() -> None:
    driver = wf.Driver(machine())
    driver.send("POWER")
    driver.send("POWER")
    driver.send("POWER")
    text = draw(machine(), steps=driver.history)
    (marked,) = (line for line in text.splitlines() if line.strip().endswith(" active"))
    assert sorted(marked.split()[1].split(",")) == [
        "s5",
        "s7",
    ]  # over, which was reached by the history, and bright
