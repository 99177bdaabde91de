"""Every test of the runtime runs on asyncio and on trio, on both stores, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from statewf.history import Memory, Store
from statewf.testing.virtual import MOMENT, VirtualLoop


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    if request.param == "trio":
        return "trio", {"clock": MockClock(autojump_threshold=MOMENT if "plain" in request.keywords else 0)}
    return "asyncio", {"loop_factory": VirtualLoop}


@pytest.fixture(params=["memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store | str]:
    """Where the executors of a test keep their steps: each call is the same place, opened again."""
    if request.param == "sqlite":
        return lambda: str(tmp_path / "store.db")
    memory = Memory()
    return lambda: memory
