"""A service that really listens, and a browser that looks at it.

The browser is Debian's Chromium; where there is none its tests are skipped. Whatever goes wrong in a page, or leaves for anywhere else,
is a failure of the test that opened it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
from playwright.async_api import Browser, Page, Request, async_playwright

import statewf as wf
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.feed import Feed
from statewf.web.serving import served
from tests.web.support import CLAIM, DOOR, handlers

CHROMIUM = shutil.which("chromium")
PATIENCE = 90  # seconds


class Eyes:
    """A browser that opens pages of one origin, and remembers what went wrong."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.wrong: list[str] = []

    async def open(self, address: str, path: str, *, script: bool = True, dark: bool = False) -> Page:
        """A page, in a browser of its own: no cookies, nothing kept."""
        context = await self._browser.new_context(
            java_script_enabled=script, color_scheme="dark" if dark else "light", base_url=address
        )
        page = await context.new_page()
        page.set_default_timeout(20_000)
        origin = urlsplit(address).netloc

        def asked(request: Request) -> None:
            if urlsplit(request.url).netloc != origin:
                self.wrong.append(f"asked {request.url}")

        page.on("request", asked)
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda shown: self.wrong.append(f"a dialog: {shown.message}"))
        await page.goto(path)
        return page

    async def leave(self) -> None:
        """Close all pages."""
        for context in self._browser.contexts:
            await context.close()


@attrs.define
class Console:
    """An executor that is served at an address, and looked at."""

    executor: Executor
    address: str
    eyes: Eyes

    async def open(self, path: str = "/", *, script: bool = True, dark: bool = False) -> Page:
        """A page of it."""
        return await self.eyes.open(self.address, path, script=script, dark=dark)


@asynccontextmanager
async def console(
    eyes: Eyes, store: Path, *machines: str, token: str | None = None, port: int = 0, stay: bool = False
) -> AsyncIterator[Console]:
    """A store that is served, with these machines besides the usual ones; in the end pages are closed, unless they `stay`."""
    feeds: list[Feed] = []
    meter = Meter()

    def nudge(_: Machine, __: Step) -> None:
        for feed in feeds:
            feed.nudge()

    opened = Executor(store, handlers(), metrics=meter, observe=nudge)
    async with opened as executor, served(executor, meter, port=port, token=token) as (address, feed):
        feeds.append(feed)
        for text in (DOOR, CLAIM, *machines):
            await executor.deploy(wf.compile(wf.loads(text)))
        try:
            yield Console(executor, address, eyes)
        finally:
            if not stay:
                await eyes.leave()


@pytest.fixture
async def eyes() -> AsyncIterator[Eyes]:
    """A browser; in the end nothing went wrong in it."""
    if CHROMIUM is None:
        pytest.skip("there is no browser: apt install chromium")
    async with asyncio.timeout(PATIENCE), async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        looking = Eyes(browser)
        yield looking
        await browser.close()
        assert looking.wrong == []
