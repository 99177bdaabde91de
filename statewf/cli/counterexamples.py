"""`check --counterexamples DIR`: what each violated property is shown by, as files.

Of each a scenario that `statewf test` plays, a test in Python, and a picture of the way. Above: `inspect`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from statewf.errors import Diagnostic, InputError

if TYPE_CHECKING:
    from statewf.checker import Verdict
    from statewf.definition.model import Definition

LONGEST = 60  # characters of a file's name


def written(definition: Definition, verdicts: tuple[Verdict, ...], source: str, folder: str) -> Iterator[Path]:
    """Write the files for these verdicts; yields the scenario of each. Raises InputError when they cannot be written."""
    from statewf.compiler import compile_definition
    from statewf.diagram import drawing, text

    machine = compile_definition(definition)
    given: Counter[str] = Counter()
    for verdict in verdicts:
        if verdict.told is None or verdict.answer == "proved":
            continue
        name = _name(verdict)
        given[name] += 1
        base = Path(folder) / (name if given[name] == 1 else f"{name}_{given[name]}")
        steps = [told.step for told in verdict.told]
        try:
            base.parent.mkdir(parents=True, exist_ok=True)
            _keep(base.with_suffix(".yaml"), _scenario(definition, verdict, source, base.parent))
            _keep(base.with_name(f"test_{base.name}.py"), _test(verdict, source, base.name))
            _keep(base.with_suffix(".mmd"), text(drawing(machine, steps=steps), "mermaid"))
        except OSError as error:
            mistake = Diagnostic("unwritable", f"cannot be written: {error.strerror}")
            raise InputError([mistake], str(error.filename or folder)) from None
        yield base.with_suffix(".yaml")


def _name(verdict: Verdict) -> str:
    """A property as the name of a file, and of a function."""
    words = re.findall(r"[a-z0-9]+", (verdict.name or verdict.text).lower())
    return "_".join(words)[:LONGEST].strip("_") or "property"


def _scenario(definition: Definition, verdict: Verdict, source: str, folder: Path) -> str:
    import yaml

    from statewf.checker.runs.retold import scenario
    from statewf.simulator import simulate

    assert verdict.told is not None, "only what was retraced is written"
    played = scenario(verdict.told)
    played["expect"] = {"state": simulate(definition, played).state}
    document = {"machine": os.path.relpath(source, folder), **played}
    return f"# {verdict.text}\n{yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)}"


def _test(verdict: Verdict, source: str, name: str) -> str:
    from statewf.checker.runs.retold import as_test

    assert verdict.told is not None, "only what was retraced is written"
    place = int(re.findall(r"\d+", verdict.where)[-1])
    return as_test(verdict.told, name, source, place, verdict.text)


def _keep(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
