"""Milliseconds for a page of the console, with 100,000 instances in the store: a service in this process, asked for one page after another.

Beside each page its limit, 100 ms. The first page of all counts where instances are, and later ones know it for a while: both are told.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from statewf.history import Sqlite
from statewf.machine.step import start
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.app import application
from statewf.web.service import opened
from tests.benchmarks.lamp import LAMP
from tests.benchmarks.measure import Result, progress
from tests.history.support import entry, record

INSTANCES, AT_ONCE, ROUNDS = 100_000, 1_000, 9
LIMIT = 100.0  # ms
PAGES = {
    "the newest": "/instances",
    "a page in the middle": "/instances?cursor=50000",
    "text that one has": "/instances?text=ORD-17-",
    "text that none has": "/instances?text=nothing",
    "those in a state": "/instances?state=off",
    "those that failed": "/instances?outcome=failure",
    "all machines": "/",
    "a machine": "/machines/lamp",
    "the same by program": "/api/instances?limit=50&text=nothing",
}


def run() -> Result:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "pages.db"
        _fill(path)
        first, found = asyncio.run(_measured(path))
    detail = {"instances": INSTANCES, "ms, each page": found, "ms, the first page of all": first}
    return Result("pages", "ms", max(found.values()), {"limit": LIMIT}, detail)


def _fill(path: Path) -> None:
    store = Sqlite(str(path))
    store.deploy(record(LAMP))
    epoch = store.claim("benchmark", store.lease().epoch)
    assert epoch is not None
    for first in range(1, INSTANCES, AT_ONCE):
        entries = []
        for number in range(first, first + AT_ONCE):
            inputs = {"customer": f"customer {number}", "address": {"city": "Berne", "street": "x" * 60}}
            made = entry(
                LAMP,
                start(LAMP, inputs, instance=f"lamp-{number:08x}", at=number),
                request_id=f"ORD-{number}-",
                created=number,
            )
            entries.append(made._replace(card=made.card._replace(number=number)))
        store.append(entries, epoch)
        progress(f"{first + AT_ONCE - 1:,} instances")
    store.release(epoch)
    store.close()


async def _measured(path: Path) -> tuple[float, dict[str, float]]:
    meter = Meter()
    async with Executor(path, metrics=meter) as executor, opened(executor, meter) as service:
        transport = httpx.ASGITransport(application(service, ["pages"]))
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as http:
            first = await _timed(http, "/")
            for address in PAGES.values():
                await _timed(http, address)  # nobody measures what is done for the first time
            await asyncio.sleep(3)  # what a page of a machine leaves to be found out is found out by then
            found = {
                page: round(statistics.median([await _timed(http, address) for _ in range(ROUNDS)]), 1)
                for page, address in PAGES.items()
            }
    return round(first, 1), found


async def _timed(http: httpx.AsyncClient, address: str) -> float:
    began = time.perf_counter()
    answer = await http.get(address, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return (time.perf_counter() - began) * 1_000
