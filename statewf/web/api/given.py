"""What every route is given. Above: the routes."""

from __future__ import annotations

from litestar.di import NamedDependency

from statewf.web.service import Service

Given = NamedDependency[Service]
