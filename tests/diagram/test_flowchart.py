"""Mermaid text of workflows: one as people will read it, and a grammar that every line keeps to."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings

from statewf.definition.model import Step, Workflow
from statewf.diagram import draw
from statewf.diagram.flows import flow
from tests.diagram.flow_cases import INVOICE, ONBOARDING, SHIPPING, compiled, drive, hostiles, workflows

GOLDEN = """\
flowchart TD
    n0((" "))
    n1("Create Profile")
    n2{"Identity Verification<br/>inputs.accountType ===<br/>  #34;business#34;"}
    n3("Business Verification")
    n4("Personal Verification")
    n5{"setup-features<br/>results[#34;verify-identity#34;].verified<br/>  === true"}
    subgraph n6["all-features"]
        n7("api-access")
        n8("integrations")
    end
    n9("limited-access")
    n10("Send Welcome Email")
    n11(((" ")))
    n0 --> n1
    n1 --> n2
    n2 -->|then| n3
    n2 -->|else| n4
    n3 --> n5
    n4 --> n5
    n5 -->|then| n6
    n5 -->|else| n9
    n6 --> n10
    n9 --> n10
    n10 --> n11
    classDef choice fill:#f5f3ff,stroke:#7c3aed,color:#4c1d95
    class n2,n5 choice
    classDef point fill:#334155,stroke:#334155
    class n0 point
    classDef optional stroke-dasharray:5 4
    class n10 optional
"""

TEXT = r"(?:[^\"#:;<>%{}*`~\\$|\n]|#\d+;|<br/>)+"
LINE = re.compile(
    "|".join(
        (
            r"flowchart TD",
            *(
                rf' +n\d+{re.escape(opening)}"{TEXT}"{re.escape(closing)}'
                for opening, closing in (
                    *(("(", ")"), ("[\\", "/]"), ("{{", "}}"), ("([", "])")),
                    *(("{", "}"), ("((", "))"), ("(((", ")))")),
                )
            ),
            rf' +subgraph n\d+\["{TEXT}"\]',
            r" +end",
            r"    n\d+ -->(\|(then|else)\|)? n\d+",
            r"    classDef \w+ fill:#\w{6},stroke:#\w{6}(,color:#\w{6})?",
            r"    classDef optional stroke-dasharray:5 4",
            r"    class n\d+(,n\d+)* \w+",
            r"    linkStyle \d+(,\d+)* stroke:#2563eb,stroke-width:3px",
        )
    )
)


def test_the_onboarding_workflow() -> None:
    assert draw(compiled(ONBOARDING)) == GOLDEN


def test_each_kind_of_step_has_its_shape() -> None:
    text = draw(compiled(SHIPPING))
    for line in (
        r'[\"Ask a manager<br/>asks inputs.manager<br/>after 12h#58; ceo<br/>may be rejected<br/>within 1d"/]',
        '{{"cool-off<br/>waits 2h"}}',
        '(["paid<br/>on PAID<br/>if event.data.ok<br/>within 3d"])',
        '["ship · any · at most 2 at a time · within 5m"]',
        '        subgraph n11["couriers · quorum 2 of 3"]',
    ):
        assert f"{line}\n" in text


def test_an_instance_is_marked() -> None:
    machine = compiled(INVOICE)
    text = draw(machine, steps=drive(machine, "extract failed", "$timer", "extract returned"))
    assert text.startswith('---\ntitle: "invoice: running"\n---\nflowchart TD\n')
    assert '    n1("extract<br/>3 attempts, 30s each<br/>attempt 2")\n' in text
    assert "    class n1 success\n" in text
    assert "    class n2 active\n" in text
    assert "    linkStyle 0,1 stroke:#2563eb,stroke-width:3px\n" in text


def test_a_block_is_told_by_its_border_alone() -> None:
    machine = compiled(SHIPPING)
    text = draw(machine, steps=drive(machine, "PAID", "$timer", "pick returned", total=3))
    assert (
        "    classDef successBlock fill:#f1f5f9,stroke:#16a34a,color:#334155\n    class n8 successBlock\n" in text
    )
    assert "    class n11 cancelledBlock\n" in text
    assert "Block" not in draw(machine)


def test_a_title_is_yaml() -> None:
    machine = compiled(Workflow('a "b": #c\\', (Step("a"),)))
    first, title, *_ = draw(machine, steps=drive(machine)).splitlines()
    assert first == "---"
    assert json.loads(title.removeprefix("title: ")) == 'a "b": #c\\: running'


def test_names_may_have_what_cannot_be_seen() -> None:
    name = "a\nb\x00"
    inner = Step("s", name, assign_to=name, type="human-task")
    machine = compiled(Workflow("m", Step("b", name, type="parallel", steps=inner)))
    keeps_to_the_grammar(draw(machine))
    assert 'subgraph n1["a b#92;x00"]' in draw(machine)


def test_what_was_undone_is_told_by_its_colour() -> None:
    machine = compiled(INVOICE)
    failing = ("extract returned", "approve returned", "process-payment failed", "$timer", "process-payment failed")
    text = draw(machine, steps=drive(machine, *failing, "approve returned"))
    for told in ("n1 success", "n3 failure", "n4 cancelled", "n2,n5 undone"):
        assert f"    class {told}\n" in text


def test_many_steps_and_deep_ones() -> None:
    many = Workflow("many", tuple(Step(f"s{n}") for n in range(1_000)))
    assert draw(compiled(many)).count("-->") == 1_001
    for kind in ("parallel", "condition"):
        text = draw(compiled(deep(kind, 100)))
        keeps_to_the_grammar(text)
        assert text.count("subgraph") == (99 if kind == "parallel" else 0)


def deep(kind: str, levels: int) -> Workflow:
    step = Step("s0")
    for n in range(1, levels):
        if kind == "parallel":
            step = Step(f"s{n}", type="parallel", steps=step)
        else:
            step = Step(f"s{n}", type="condition", condition="inputs.x", then=step)
    return Workflow("deep", step)


@settings(max_examples=50)
@given(workflows())
def test_every_line_keeps_to_the_grammar(workflow: Workflow) -> None:
    keeps_to_the_grammar(draw(compiled(workflow)))


@settings(max_examples=50)
@given(hostiles)
def test_names_break_nothing(workflow: Workflow) -> None:
    text = draw(compiled(workflow))
    keeps_to_the_grammar(text)
    assert text.count("-->") == len(flow(workflow).links)


def keeps_to_the_grammar(text: str) -> None:
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert LINE.fullmatch(line), line
    assert text.count("subgraph n") == text.count("    end\n")
    declared = re.findall(r"^ +(?:subgraph )?(n\d+)[^\d ]", text, re.MULTILINE)
    assert len(declared) == len(set(declared))
    ends = [link.strip().split(" ") for link in text.splitlines() if "-->" in link]
    assert {name for source, _, target in ends for name in (source, target)} <= set(declared)
