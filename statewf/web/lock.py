"""The token of a service, and what stands for it in a browser.

A browser gets no token to keep, but a digest made with it: who reads the cookie cannot use it anywhere else, and another token makes
all cookies worthless. Everything is compared in constant time. Above: `guard`, the page to log in.
"""

from __future__ import annotations

import hashlib
import hmac

import attrs

_PURPOSE = b"statewf: a browser that has shown the token"


@attrs.frozen
class Lock:
    """What the token opens."""

    token: str = attrs.field(repr=False)

    def opens(self, brought: str) -> bool:
        """Whether that is the token."""
        return hmac.compare_digest(brought.encode(), self.token.encode())

    @property
    def session(self) -> str:
        """What a browser shows from then on."""
        return hmac.new(self.token.encode(), _PURPOSE, hashlib.sha256).hexdigest()

    def knows(self, shown: str) -> bool:
        """Whether that is it."""
        return hmac.compare_digest(shown.encode(), self.session.encode())


def cookie_of(host: str) -> str:
    """The name of the cookie: browsers do not part cookies by port, and there may be another service on this machine."""
    port = host.rpartition(":")[2]
    return f"statewf-{port}" if port.isdecimal() else "statewf"
