"""What can be read off a snapshot."""

from __future__ import annotations

from statewf.machine.fsm import Arm, Delay, LocalState, Machine, Region, Transition
from statewf.machine.snapshot import due
from statewf.machine.step import start


def test_timers_of_one_instant_are_in_document_order() -> None:
    def region(name: str) -> Region:
        return Region(name, Transition("", "on", entry=(Arm("$timeout:on", Delay(10)),)), {"on": LocalState("on")})

    machine = Machine("m", "d", (region("z"), region("a")), {}, (0,))
    assert due(machine, start(machine).after) == [(10, "z", "$timeout:on"), (10, "a", "$timeout:on")]
