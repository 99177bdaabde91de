"""Everything the documents say to type is typed, and says what they say it says.

A `console` block is a shell session: lines led by `$ ` are run, one bash for all blocks of a page, and what
they print is compared with what stands below them; `...` stands for anything. A `python` block is a
program; its comments at the end are its output. A `yaml` block is a definition that reads and checks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from statewf.checker import check
from statewf.compiler import compile_definition
from statewf.diagram import draw
from statewf.files import loads
from statewf.machine.record import status
from statewf.runtime.progress import PROGRESS, progress
from statewf.simulator import simulate
from tests.engines.temporal.server import free_port

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARK = "=-=-= {} =-=-="
SERVER = "7233"  # the port of a Temporal server in the documents
PORTS = (SERVER, "8180")  # of all servers there; here they are ones that are free


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def moved(text: str, ports: Mapping[str, int]) -> str:
    """The text with servers at those ports."""
    for written, port in ports.items():
        text = text.replace(written, str(port))
    return text


def matches(expected: str, got: str) -> bool:
    """Whether it is that text; `...` stands for anything, and white space for white space."""
    words = " ".join(expected.split()).split("...")
    pattern = ".*".join(re.escape(word.strip()) for word in words)
    return re.fullmatch(rf"\s*{pattern}\s*", " ".join(got.split()), re.DOTALL) is not None


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder to work in, that has the machines."""
    (tmp_path / "machines").symlink_to(ROOT / "machines")
    return tmp_path


def environment() -> dict[str, str]:
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": paths, "PYTHONPATH": os.pathsep.join([".", str(ROOT)])}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_typed_answers_as_written(page: Path, place: Path) -> None:
    commands: list[tuple[str, str]] = []
    ports = {written: free_port() for written in PORTS}
    for block in (moved(block, ports) for block in blocks(page, "console")):
        parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        commands += [(command, output) for command, _, output in (part.partition("\n") for part in parts)]
    script = "".join(f"{command}\necho '{MARK.format(n)}'\n" for n, (command, _) in enumerate(commands))
    run = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script}"],
        cwd=place,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    rest = run.stdout
    for n, (command, expected) in enumerate(commands):
        got, found, rest = rest.partition(MARK.format(n))
        assert found, f"$ {command}\nnever ended:\n{got}"
        got = re.sub(r"bash: line \d+: .*Killed.*", "", got)  # the shell's own word on a process that was killed
        assert matches(expected, got), f"$ {command}\nexpected:\n{expected}\ngot:\n{got}"


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page in PAGES for block in blocks(page, "python")],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_programs_print_what_their_comments_say(
    page: Path, block: str, place: Path, request: pytest.FixtureRequest
) -> None:
    if SERVER in block:
        block = block.replace(f"localhost:{SERVER}", request.getfixturevalue("temporal"))
    said = re.search(r"((?:^# .*\n)+)\Z", block, re.MULTILINE)
    expected = re.sub(r"^# ", "", said.group(1), flags=re.MULTILINE) if said else ""
    run = subprocess.run(
        [sys.executable, "-c", block], cwd=place, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == expected


def test_the_examples_of_definitions_have_no_errors() -> None:
    subscription, player = blocks(ROOT / "docs" / "definitions.md", "yaml")
    assert check(loads(subscription)).ok
    assert check(loads(player)).ok


@pytest.mark.parametrize("page", ["drawing", "workflows"])
def test_the_picture_of_a_workflow_is_drawn_from_the_definition_above_it(page: str) -> None:
    path = ROOT / "docs" / f"{page}.md"
    (picture,) = blocks(path, "mermaid")
    assert draw(compile_definition(loads(blocks(path, "yaml")[0]))) == picture


def test_the_examples_of_steps_have_no_errors() -> None:
    """Those that are steps only stand for the list of a workflow."""
    examples = blocks(ROOT / "docs" / "workflows.md", "yaml")
    assert len(examples) > 1
    for example in examples:
        found = check(loads(f"steps:\n{example}" if example.startswith("- ") else example))
        assert found.ok, example


ALL_IS_TOLD = """
errorHandling: { notifyOnFailure: true }
pricing: { model: per-execution, rate: 1 }
steps:
  - id: sign
    type: human-task
    escalationPolicy: { timeout: 1h, escalateTo: board }
  - { id: pay, onError: notify-manager }
"""


def test_what_workflows_emit_has_the_fields_that_the_table_says() -> None:
    machine = compile_definition(loads(ALL_IS_TOLD))
    tasks = {"sign": {"decision": "approved", "after": "2h"}}
    found: list[tuple[str, Iterable[str]]] = []
    for fails in (False, True):
        handlers = {"pay": {"fail": "no"}} if fails else {}
        played = simulate(machine, {"handlers": handlers, "tasks": tasks})
        begun = played.steps[0].after
        found += [(emitted["event"], emitted["data"]) for emitted in played.output["emitted"]]
        found += [status(machine, begun), (PROGRESS, progress(machine, begun))]
    page = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.\w+)` \|.*\| ([^|]*) \|$", page, re.MULTILINE)
    table = {(name, frozenset(re.findall(r"`(\w+)`", fields))) for name, fields in rows}
    assert table == {(name, frozenset(data)) for name, data in found}


def headings(page: Path) -> set[str]:
    """What a link may say behind the name of the page."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)]*)\)|src=\"([^\"]*)\"", page.read_text(encoding="utf-8")):
        name, _, heading = "".join(target).partition("#")
        there = page.parent / name if name else page
        assert there.exists(), target
        assert not heading or heading in headings(there), target


def test_ci_runs_the_commands_of_the_readme() -> None:
    """So that what a newcomer types first is what is tested."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    patterns = re.findall(r'sed -n "s/\^    \\\((.*?)\\\)\$', (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert len(patterns) == 2
    for pattern in patterns:
        assert len(re.findall(rf"^    {pattern}$", text, re.MULTILINE)) == 1


def test_a_wrong_answer_would_be_noticed() -> None:
    assert matches("order-... is in\npaid.\n", "order-12 is in paid.")
    assert not matches("order-... is in paid.", "order-12 is in paid. And more.")
    assert not matches("", "something")
    assert matches("...", "anything at all\n")
