"""What holds for every test: Hypothesis profiles, and tests that never reach a user's files.

`CI=true` is derandomised, so that it does not flake; `--hypothesis-profile=large` is for a long look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("dev", deadline=None, suppress_health_check=slow)
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=slow, print_blob=True)
settings.register_profile("large", max_examples=2_000, deadline=None, suppress_health_check=slow)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def temporal() -> Iterator[str]:
    """The address of a Temporal server, one for all tests that want one."""
    from tests.engines.temporal.server import server

    with server() as address:
        yield address


@pytest.fixture
def anyio_backend() -> str:
    """Tests that say nothing else run on asyncio."""
    return "asyncio"
