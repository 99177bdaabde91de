"""The floors of the house, and that its front door is light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import statewf
from statewf.definition.write import to_yaml

ROOT = Path(__file__).parent.parent
HEAVY = ("anyio", "attrs", "attr", "cattrs", "click", "lark", "rich", "sqlite3", "yaml")


def test_the_floors_are_kept() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout


def test_importing_statewf_loads_nothing_heavy() -> None:
    program = f"import sys, statewf; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in statewf.__all__:
        assert getattr(statewf, name) is not None
    assert set(statewf.__all__) <= set(dir(statewf))


def test_the_public_step_is_the_one_that_people_write() -> None:
    block = statewf.Step("b", type="parallel", strategy=statewf.Quorum(1), steps=statewf.Step("a"))
    workflow = statewf.Workflow("w", block, error_handling=statewf.WorkflowErrors(statewf.RetryPolicy(2)))
    assert statewf.loads(to_yaml(workflow)) == workflow
    assert statewf.compile(workflow).name == "w"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(statewf, "nothing")


def test_it_can_be_called_as_a_module() -> None:
    run = subprocess.run([sys.executable, "-m", "statewf", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("statewf, version ")
