"""What `check` says of workflows."""

from __future__ import annotations

import attrs

import statewf as wf
from statewf.checker import check, faults
from statewf.compiler import compile_definition
from statewf.definition.workflow import Step, Workflow
from statewf.machine.flatten import flatten


def test_a_workflow_is_counted_by_steps_regions_and_their_product() -> None:
    report = check(wf.loads("steps: [{id: p, type: parallel, steps: [{id: a}, {id: b}]}]"))
    assert report.ok
    assert report.of_steps
    machine = compile_definition(wf.loads("steps: [{id: p, type: parallel, steps: [{id: a}, {id: b}]}]"))
    assert report.states == 3
    assert report.compiled_states == sum(len(region.states) for region in machine.regions)
    assert report.configurations == len(flatten(machine).states)
    assert not report.bounded
    assert check(machine) == report


def test_a_workflow_that_comes_to_rest_is_told_with_the_way_there() -> None:
    """No definition says so: here the first step does not tell the second that it is over."""
    machine = compile_definition(wf.loads("steps: [{id: a}, {id: b}]"))
    deaf = machine.regions[2]
    waiting = attrs.evolve(deaf.states["waiting"], on={"$cancel": deaf.states["waiting"].on["$cancel"]})
    broken = attrs.evolve(deaf, states={**deaf.states, "waiting": waiting})
    report = check(attrs.evolve(machine, regions=(*machine.regions[:2], broken)))
    (found,) = (finding for finding in report.findings if finding.severity == "error")
    assert (found.rule, found.trace) == ("deadlock", ("start", "a returned"))
    assert check(machine).ok


def test_what_does_not_compile_is_told_with_its_steps() -> None:
    report = check(wf.loads("steps: [{id: a, dependsOn: [a]}, {id: a}]"))
    assert (report.ok, report.states, report.configurations) == (False, 2, 0)
    assert [finding.rule for finding in report.findings] == ["cyclic-dependency", "duplicate-step"]


def test_what_is_odd_about_its_steps_is_told_and_keeps_nobody_from_running_it() -> None:
    definition = wf.loads("steps: [{id: a, when: 'false'}, {id: h, type: human-task}]")
    report = check(definition)
    assert report.ok
    assert [(finding.rule, finding.severity) for finding in report.findings] == [
        ("waits-forever", "warning"),
        ("dead-step", "warning"),
    ]
    assert faults(compile_definition(definition)) == ()


def test_ten_thousand_steps_are_checked_soon_and_not_counted_out() -> None:
    steps = [Step(f"s{n}", when=f"results.s{n - 100}.ok" if n >= 100 else None) for n in range(10_000)]
    report = check(Workflow("many", steps))
    assert (report.ok, report.states, report.bounded) == (True, 10_000, True)
