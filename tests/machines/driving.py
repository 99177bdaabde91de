"""The machines of this project, each with its own handlers, in virtual time."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import statewf as wf
from statewf.machine.book import in_order
from statewf.runtime.handlers import import_handlers

MACHINES = Path(__file__).parent.parent.parent / "machines"


@cache
def machine(name: str) -> wf.Machine:
    return wf.compile(wf.load(MACHINES / f"{name}.yaml"))


def example(name: str, which: str, **changed: Any) -> dict[str, Any]:
    """An input document that stands beside the machine, with some things changed."""
    text = (MACHINES / name / f"{which}.json").read_text(encoding="utf-8")
    return {**json.loads(text), **changed}


def drive(name: str, inputs: dict[str, Any], instance: str = "local") -> wf.Driver:
    handlers = import_handlers(f"machines.{name}_handlers")
    return wf.Driver(machine(name), inputs, handlers=handlers, instance=instance)


def undone(driver: wf.Driver) -> list[str]:
    """Which steps were undone, in order."""
    return [f"{one['step']}:{one['action']}" for one in in_order(driver.snapshot.book.undone)]


def errors(driver: wf.Driver) -> dict[str, str]:
    """Why steps failed."""
    return {step: error["message"] for step, error in driver.snapshot.book.errors.items()}


def files(folder: Path) -> list[str]:
    """Every file below a folder, by its path there."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
