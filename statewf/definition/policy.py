"""How something that fails is tried again: the same words for actions, steps and whole definitions.

Below: `words`. Above: `model` and `workflow`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from statewf.definition.words import Count, Milliseconds, Text, choice, count, duration, texts

Backoff: TypeAlias = Literal["exponential", "linear", "constant"]
Jitter: TypeAlias = Literal["none", "full"]

BACKOFF = choice("exponential", "linear", "constant")
JITTER = choice("none", "full")


@attrs.frozen
class RetryPolicy:
    """How a failing call is tried again; the delay after attempt n follows `backoff`.

    `non_retryable` are names of errors after which no further attempt is made.
    """

    max_attempts: Count = attrs.field(converter=count)
    backoff: Backoff = attrs.field(default="exponential", validator=BACKOFF)
    base_delay: Milliseconds = attrs.field(default=1_000, converter=duration)
    max_delay: Milliseconds = attrs.field(default=30_000, converter=duration)
    jitter: Jitter = attrs.field(default="none", validator=JITTER)
    non_retryable: tuple[Text, ...] = attrs.field(default=(), converter=texts)
