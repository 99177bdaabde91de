"""`simulate`: a scenario from start to end in virtual time, and what it came to.

Stands on `world`, which knows time, and `scenario`, which knows the script. Above: `statewf simulate` and
`statewf test`. The run is over when nothing more can happen: the instance has ended and its actions are
done, or it waits for what the script never says. What the script still sends then is refused, not lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.machine.effects import Call, Task
from statewf.machine.fsm import Machine
from statewf.machine.record import event_name, outputs
from statewf.machine.snapshot import Snapshot, Step
from statewf.pricing import cost
from statewf.simulator.expect import failures
from statewf.simulator.scenario import Scenario, Turn, decided, reply
from statewf.simulator.script import read_scenario, refuse, unfit
from statewf.simulator.world import Answer, Endless, Verdict, World
from statewf.values.frozen import Object, restored, thaw

MOST_STEPS = 20_000  # of one run: two years of hourly timers; who is still busy then runs in a circle
_UNSCRIPTED = (Turn(),)


@attrs.frozen
class Outcome:
    """What a scenario came to. `steps` are the whole history; `failures` says which expectations failed."""

    scenario: Scenario
    steps: tuple[Step, ...] = attrs.field(repr=False)
    output: Object = attrs.field(repr=False)
    failures: tuple[str, ...]

    @property
    def state(self) -> str:
        """The state it was in at last."""
        return str(self.output["state"])

    @property
    def success(self) -> bool:
        """Whether the instance ended well, whatever was expected."""
        return bool(self.output["success"])

    @property
    def passed(self) -> bool:
        """Whether no expectation failed and the end is a good one, or the very one that was expected."""
        expected_end = not {"state", "success"}.isdisjoint(self.scenario.expect)
        return not self.failures and (self.success or expected_end)

    def document(self) -> dict[str, Any]:
        """The JSON document that `statewf simulate --scenario --json` prints."""
        return thaw(self.output)  # type: ignore[no-any-return]  # an object thaws to a dict


def simulate(
    machine: Machine | Definition, scenario: Scenario | Mapping[str, Any], *, instance: str = "local"
) -> Outcome:
    """Run a scenario. Raises ScenarioError when it is wrong, or speaks of what the machine does not have."""
    if not isinstance(machine, Machine):
        machine = compile_definition(machine)
    if isinstance(scenario, Scenario):
        refuse(unfit(scenario, machine), scenario.places)
    else:
        scenario = read_scenario(scenario, machine=machine)
    world = World(machine, _Script(scenario), instance=instance, volume=scenario.volume)
    world.start(scenario.inputs)
    for event in scenario.events:
        world.schedule(event)
    endless = _run(world)
    output = _output(world)
    failed = [*endless, *failures(scenario.expect, output)]
    return Outcome(scenario, tuple(world.steps), output, tuple(failed))


def _run(world: World) -> list[str]:
    """Let everything happen. If that has no end, it is cut, and the line says so."""
    try:
        while world.next() is not None:
            if len(world.steps) >= MOST_STEPS:
                return [f"the run has no end: after {MOST_STEPS:,} steps it was cut at {world.now} ms"]
            world.happen()
    except Endless as error:
        return [f"the run has no end: {error}"]
    return []


def _output(world: World) -> Object:
    """The output document. Events that waited for a handler which never answered were not delivered either."""
    told = outputs(world.steps, cost=None if world.usage is None else cost(world.usage))
    told["rejected"] = list(world.refused)
    told["undelivered"] = [*told["undelivered"], *map(event_name, world.held)]
    output = restored(told)
    assert isinstance(output, Object)
    return output


class _Script:
    """Answers each call, and decides each task, as the next entry says; the last entry repeats."""

    def __init__(self, scenario: Scenario) -> None:
        self.handlers = scenario.handlers
        self.tasks = scenario.tasks
        self.calls: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()

    def answer(self, call: Call, _: Snapshot) -> Answer:
        turns = self.handlers.get(call.handler) or _UNSCRIPTED
        turn = turns[min(self.calls[call.handler], len(turns) - 1)]
        self.calls[call.handler] += 1
        return Answer(reply(turn.behaviour, call.id), turn.after, turn.stubborn)

    def decide(self, task: Task) -> Verdict | None:
        decisions = self.tasks.get(task.step)
        if not decisions:
            return None
        said = decisions[min(self.opened[task.step], len(decisions) - 1)]
        self.opened[task.step] += 1
        return Verdict(decided(said, task.id), said.after)
