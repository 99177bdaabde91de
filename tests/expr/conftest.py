"""What all tests of conditions share."""

from __future__ import annotations

import pytest

from statewf.expr import parse


@pytest.fixture(autouse=True, scope="session")
def grammar() -> None:
    """Build the grammar before any test, so that none is the slow one and misses its deadline."""
    parse("true")
