"""Logging of the runtime: the standard library's, with `instance` and `seq` in every record.

They are None where a record is about no instance, or no step of it. Handlers and formatters are the user's
business: `%(instance)s` and `%(seq)s` can stand in any format for the loggers below `statewf`.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any


class Log(logging.LoggerAdapter[logging.Logger]):
    """The logger of that name; its methods take `instance` and `seq` besides."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name), {})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put them into the record."""
        extra = {"instance": kwargs.pop("instance", None), "seq": kwargs.pop("seq", None)}
        kwargs["extra"] = {**extra, **(kwargs.get("extra") or {})}
        return msg, kwargs
