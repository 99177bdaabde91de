"""Every test of the command line works in a folder of its own, with a few machines in it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from statewf.cli.main import main
from tests.cli.support import BATCH, CLAIM, CLAIM_HANDLERS, DOOR, GREETER, JOB, ROOT, Cli, Said, working

_numbers = count(1)
QUEUED = (
    "run",
    "start",
    "list",
    "tasks",
    "stats",
    "forecast",
    "simulate",
    "draw",
)  # verbs that are told of a task queue
TEXTS = (("door", DOOR), ("job", JOB), ("greeter", GREETER), ("claim", CLAIM), ("batch", BATCH))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the test works in."""
    for name, text in TEXTS:
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "machines").symlink_to(ROOT / "machines")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv("STATEWF_TRACEBACK", raising=False)
    return tmp_path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """`statewf ARGS` in this process. Whatever it is given, it never shows a traceback."""

    def call(*args: str) -> Said:
        capsys.readouterr()
        code = main(args)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    return call


@pytest.fixture
def handlers(folder: Path) -> Iterator[Callable[[str], str]]:
    """Writes a module of handlers, and says its name."""
    written: list[str] = []

    def write(source: str) -> str:
        name = f"handlers_{next(_numbers)}"
        (folder / f"{name}.py").write_text(source)
        written.append(name)
        return name

    before = list(sys.path)
    yield write
    sys.path[:] = before
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture
def queue() -> str:
    return f"cli-{next(_numbers)}"


@pytest.fixture
def there(cli: Cli, temporal: str, handlers: Callable[[str], str], queue: str) -> Iterator[Cli]:
    """`statewf ARGS --temporal ...`, where a worker works."""
    with working(temporal, handlers(CLAIM_HANDLERS), queue):

        def call(*args: str) -> Said:
            at = ["--queue", queue] if args[0] in QUEUED else []
            return cli(*args, "--temporal", temporal, *at)

        yield call
