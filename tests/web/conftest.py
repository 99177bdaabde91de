"""The service lives on asyncio alone, as its server does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from statewf.history import Memory
from statewf.web.service import Service
from tests.web.support import client, service


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite"])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    """A service on each kind of store."""
    async with service(Memory() if request.param == "memory" else tmp_path / "s.db") as opened:
        yield opened


@pytest.fixture
async def http(served: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with client(served) as found:
        yield found
