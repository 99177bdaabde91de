"""What every page is given, and how a page is made of it.

Below: `render`, the service. Above: the pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import attrs
from litestar import Response
from litestar.di import NamedDependency
from litestar.enums import MediaType

from statewf.web.console.render import Console
from statewf.web.lock import Lock
from statewf.web.problems import Problem
from statewf.web.service import Service

KEY = "form"  # the field that makes of a form pressed twice one


@attrs.frozen
class Desk:
    """The service, and the pages; whoever comes needs what opens the `lock`, if there is one."""

    service: Service
    console: Console
    lock: Lock | None

    async def page(
        self,
        template: str,
        title: str,
        given: Mapping[str, Any],
        *,
        place: str = "",
        here: str | None = None,
        stream: str | None = None,
        problem: Problem | None = None,
    ) -> Response[str]:
        """A page of a template, which is `given` this.

        `place` is where in the menu it is; `here` its address, where that is not the one that was asked for; `stream` what it follows;
        `problem` what went wrong before it.
        """
        about = {"title": title, "place": place, "here": here, "stream": stream, "problem": problem}
        return await asyncio.to_thread(self._made, template, {**about, **given})

    def told(self, problem: Problem) -> Response[str]:
        """A page that tells a problem, and nothing else."""
        about = {"title": problem.code, "place": "", "here": None, "stream": None, "problem": problem}
        return self._made("problem.html", about)

    def _made(self, template: str, given: Mapping[str, Any]) -> Response[str]:
        text = self.console.page(template, {"locked": self.lock is not None, **given})
        problem: Problem | None = given["problem"]
        if problem is None:
            return Response(text, media_type=MediaType.HTML)
        return Response(text, status_code=problem.status, media_type=MediaType.HTML, headers=problem.headers)


Given = NamedDependency[Desk]
