"""The OpenAPI document is true: schemathesis tries the API by it, and every route is in it, with examples."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

import statewf as wf
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.serving import served
from tests.web.support import CLAIM, DOOR, handlers

EXAMPLES = max(5, settings.default.max_examples // 10 if settings.default else 10)
STREAMS = ("/api/stream", "/api/instances/{instance}/stream")  # which have no end


class Apart:
    """A service in a thread of its own, for tests that are not of its loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready = threading.Event()
        self.address = ""

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        meter = Meter()
        async with Executor(self._path, handlers(), metrics=meter) as executor:
            for text in (DOOR, CLAIM):
                await executor.deploy(wf.compile(wf.loads(text)))
            for number in range(3):
                await executor.start("door", {"n": number}, request_id=f"R{number}")
                await executor.start("claim", {"boss": "ann"})
            async with served(executor, meter) as (self.address, _):
                self._ready.set()
                await self._stop.wait()

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=self.run)
        self._thread.start()
        self._ready.wait()
        return self.address

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Apart(tmp_path_factory.mktemp("web") / "s.db") as address:
        yield address


def test_nothing_is_found_that_contradicts_the_document(address: str) -> None:
    document = schemathesis.openapi.from_url(f"{address}/api/openapi.json").exclude(path=list(STREAMS))
    tried = 0
    for found in document.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # the document is read whole

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def answers(case: Any) -> None:
            case.call_and_validate(excluded_checks=[positive_data_acceptance])  # a text may be no definition

        answers()
        tried += 1
    assert tried > 15


def test_every_route_says_what_it_does_and_how_it_fails(address: str) -> None:
    document = httpx.get(f"{address}/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["tags"], where
            if path not in ("/health", "/ready"):
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        assert "application/problem+json" in answer["content"], where
            if method == "post":
                (body,) = operation["requestBody"]["content"].values()
                assert body["schema"]["examples"], where


def test_every_example_is_what_it_is_an_example_of(address: str) -> None:
    document = httpx.get(f"{address}/api/openapi.json").json()
    seen = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            bodies = [(None, operation["requestBody"])] if "requestBody" in operation else []
            for status, answer in [*bodies, *operation["responses"].items()]:
                for media, content in answer.get("content", {}).items():
                    if "json" not in media:
                        continue
                    where = f"{method} {path} {status}"
                    shown = [one["value"] for one in content.get("examples", {}).values()]
                    shown += content["schema"].get("examples", [])
                    assert shown, where
                    schema = {**content["schema"], "components": document["components"]}
                    for value in shown:
                        jsonschema_rs.validate(schema, value)
                        seen += 1
    assert seen > 100
