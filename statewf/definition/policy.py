"""How something that fails is tried again: the same words for actions, steps and whole definitions.

Below: `words`, `shape`. Above: `model` and `workflow`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from statewf.definition.shape import Misfit
from statewf.definition.words import Count, Milliseconds, Text, choice, count, duration, texts
from statewf.errors import DefinitionError, Diagnostic
from statewf.values.duration import milliseconds, spoken

Backoff: TypeAlias = Literal["exponential", "linear", "constant"]
Jitter: TypeAlias = Literal["none", "full"]

BACKOFF = choice("exponential", "linear", "constant")
JITTER = choice("none", "full")

BASE_DELAY = 1_000  # ms, where nothing else is said
MAX_DELAY = 30_000


def delay_misfit(base: int, longest: int) -> Misfit | None:
    """What is wrong with a first delay that is longer than the longest: all would silently be cut to that."""
    if base <= longest:
        return None
    said, limit = _said(base), _said(longest)
    if base == BASE_DELAY:
        message = f"maxDelay is {limit}, but baseDelay {said}, as it is unless said otherwise"
        return Misfit("base-above-max", "maxDelay", message, f"state baseDelay, as in baseDelay: {limit}")
    usual = ", as it is unless said otherwise" if longest == MAX_DELAY else ""
    message = f"baseDelay is {said}, but maxDelay {limit}{usual}"
    return Misfit("base-above-max", "baseDelay", message, f"state maxDelay, as in maxDelay: {said}")


def _said(amount: int) -> str:
    """A duration as it can be written, and not rounded off."""
    text = spoken(amount)
    return text if milliseconds(text) == amount else f"{amount}ms"


def check_delays(base: int, longest: int) -> None:
    """Refuse them in Python, too. Raises DefinitionError."""
    if wrong := delay_misfit(base, longest):
        raise DefinitionError([Diagnostic(wrong.code, wrong.message, f"$.{wrong.key}", hint=wrong.hint)])


@attrs.frozen
class RetryPolicy:
    """How a failing call is tried again; the delay after attempt n follows `backoff`.

    `non_retryable` are names of errors after which no further attempt is made.
    """

    max_attempts: Count = attrs.field(converter=count)
    backoff: Backoff = attrs.field(default="exponential", validator=BACKOFF)
    base_delay: Milliseconds = attrs.field(default=BASE_DELAY, converter=duration)
    max_delay: Milliseconds = attrs.field(default=MAX_DELAY, converter=duration)
    jitter: Jitter = attrs.field(default="none", validator=JITTER)
    non_retryable: tuple[Text, ...] = attrs.field(default=(), converter=texts)

    def __attrs_post_init__(self) -> None:
        check_delays(self.base_delay, self.max_delay)
