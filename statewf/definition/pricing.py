"""What an execution costs: the price list of a definition, and where a bill finds its customer and volume.

Amounts are exact decimals in units of the currency (dollars, not cents): `0.1` in a file is a tenth. The bill that
follows from them is made by `statewf.pricing`, whose head says what each of them applies to.

Below: `words`, `parts`. Above: `model` and `workflow`, which have a pricing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

import attrs
from attrs.converters import optional

from statewf.definition.parts import part_if_any, several
from statewf.definition.places import shown
from statewf.definition.shape import Misfit, said
from statewf.definition.words import Name, camel, expression, identifier, wrong, wrong_type
from statewf.errors import DefinitionError, Diagnostic
from statewf.expr import Expression
from statewf.values.decimals import behind, plain, significant
from statewf.values.frozen import EMPTY, Object

CHARGE = "Payment.charge"  # the event that tells what is to be paid
LARGEST = 10**12  # of any currency: more is a slip
LARGEST_FACTOR = 10**6
DIGITS = 12  # behind the point
FLOAT_DIGITS = 15  # a float keeps so many of any number, and may spoil more
VOLUMES = 10**15
NUMBERS = "write a number, such as 0.25"
AMOUNTS = "amounts are in units of the currency, such as 0.25; what is taken off has keys of its own: discounts"
FACTORS = "1.5 makes a second dearer by half, 0.5 halves it, 0 makes it free"
SHARES = "ten per cent are 0.1"

_NUMBER = re.compile("[0-9]+([.][0-9]+)?")


def amount(value: Decimal | float | str) -> Decimal:
    """An amount of money, or a rate: exact, from 0 to a trillion.

    A float counts as its shortest spelling. One with more than 15 digits is refused, as it may be another number than
    was written; text keeps every digit.
    """
    return _number(value, "an amount", LARGEST, AMOUNTS)


def factor(value: Decimal | float | str) -> Decimal:
    """By how much something is multiplied: from 0 to a million."""
    return _number(value, "a factor", LARGEST_FACTOR, FACTORS)


def share(value: Decimal | float | str) -> Decimal:
    """A part of a whole: 0.1 is ten per cent."""
    return _number(value, "a share", 1, SHARES)


def _number(value: Decimal | float | str, what: str, largest: int, hint: str) -> Decimal:
    found = _decimal(value)
    if not 0 <= found <= largest:
        raise wrong("out-of-range", f"{_shown(value)} is not {what} from 0 to {largest:,}", hint)
    if behind(found) > DIGITS:
        message = f"{_shown(value)} has more than {DIGITS} digits behind the point"
        raise wrong("out-of-range", message, "round it: nothing that is paid is smaller")
    if isinstance(value, float) and significant(found) > FLOAT_DIGITS:
        message = f"{value} has more than {FLOAT_DIGITS} digits, of which a number in a file may lose some"
        raise wrong("inexact-number", message, "write it in quotes, with all its digits")
    return plain(found)


def _decimal(value: Decimal | float | str) -> Decimal:
    """What a number says, exactly. Text is looked at before it is counted with: digits, a point, digits."""
    match value:
        case bool():
            pass
        case int():
            return Decimal(value)
        case float() if math.isfinite(value):
            return Decimal(float.__repr__(value))
        case Decimal() if value.is_finite():
            return value
        case float() | Decimal():
            raise wrong("out-of-range", f"{value} is no amount", NUMBERS)
        case str() if _NUMBER.fullmatch(value):
            return Decimal(value)
        case _:
            pass
    raise wrong_type("a number", value, None if value is None else NUMBERS)


def _shown(value: Decimal | float | str) -> str:
    if isinstance(value, Decimal):
        return f"{value!s:.40}"
    return shown(value)


def ceiling(value: Decimal | float | str | None) -> Decimal | None:
    """The most that something costs; infinity is no end."""
    return None if value is None or _is_endless(value) else amount(value)


def last_volume(value: float | None) -> int | None:
    """The last volume of a tier; infinity is no end."""
    return None if value is None or _is_endless(value) else volume(value)


def _is_endless(value: object) -> bool:
    match value:
        case float():
            return value == math.inf
        case Decimal():
            return value.is_infinite() and not value.is_signed()
        case _:
            return False


def volume(value: float) -> int:
    """How many executions a customer has: a whole number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type("a whole number", value, None if value is None else "such as 100")
    if not 0 <= value <= VOLUMES:
        raise wrong("out-of-range", f"{shown(value)} is not a whole number from 0 to {VOLUMES:,}")
    return value


def currency(value: str) -> str:
    """The code of a currency (ISO 4217): three capital letters."""
    if not isinstance(value, str):
        raise wrong_type("the code of a currency", value, "such as USD")
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise wrong("bad-currency", f"{shown(value)} is not the code of a currency", "such as USD, EUR or JPY")
    return value


def amounts(value: Mapping[str, Any]) -> Mapping[str, Decimal]:
    """Amounts by the id of a step, or the full name of a state."""
    return _by_name(value, amount)


def factors(value: Mapping[str, Any]) -> Mapping[str, Decimal]:
    """Factors, likewise."""
    return _by_name(value, factor)


def _by_name(value: Mapping[str, Any], check: Callable[[Any], Decimal]) -> Mapping[str, Decimal]:
    if not isinstance(value, Mapping):
        raise wrong_type("an object of names and numbers", value)
    return Object({identifier(name): check(item) for name, item in value.items()})


Amount: TypeAlias = Annotated[Decimal, amount]
Factor: TypeAlias = Annotated[Decimal, factor]
Share: TypeAlias = Annotated[Decimal, share]
Volume: TypeAlias = Annotated[int, volume]
Ceiling: TypeAlias = Annotated[Decimal, ceiling]
LastVolume: TypeAlias = Annotated[int, last_volume]
Currency: TypeAlias = Annotated[str, currency]


@attrs.frozen
class Tier:
    """A discount for customers of at least `min` executions, and at most `max`; without a `max`, of any number more."""

    min: Volume = attrs.field(converter=volume)
    discount: Share = attrs.field(converter=share)
    max: LastVolume | None = attrs.field(default=None, converter=last_volume)


def tiers(value: Tier | Iterable[Tier]) -> tuple[Tier, ...]:
    """Tiers in order, each beginning where the one before ends. Raises DefinitionError with every gap and overlap."""
    listed = several("volume", value, Tier)
    told = [
        Diagnostic(code, message, f"$.volume[{i}].{key}", hint=hint)
        for i, key, code, message, hint in _misfits(listed)
    ]
    if told:
        raise DefinitionError(told)
    return listed


def _misfits(listed: tuple[Tier, ...]) -> Iterable[tuple[int, str, str, str, str]]:
    for i, tier in enumerate(listed):
        if tier.max is not None and tier.max < tier.min:
            yield i, "max", "empty-tier", f"it ends at {tier.max}, before it begins at {tier.min}", "swap them"
        if not i:
            continue
        before = listed[i - 1]
        if before.max is not None and before.max < before.min:
            continue  # of an empty one nobody knows where it should end
        if before.max is None:
            hint = "give the tier before a max, or put this one first"
            yield i, "min", "tiers-overlap", "the tier before it has no end", hint
        elif tier.min <= before.max:
            message = f"it begins at {tier.min}, but the tier before it ends at {before.max}"
            yield i, "min", "tiers-overlap", message, f"begin at {before.max + 1}"
        elif tier.min > before.max + 1:
            message = f"nothing is said of {before.max + 1} to {tier.min - 1}"
            yield i, "min", "tiers-gap", message, f"begin at {before.max + 1}; a discount of 0 is none"


@attrs.frozen
class Discounts:
    """What is given to customers: by `volume`, the number of their executions."""

    volume: tuple[Tier, ...] = attrs.field(converter=tiers)


@attrs.frozen
class Rates:
    """What an execution costs that needs nobody, and one in which a person was asked."""

    automated: Amount = attrs.field(converter=amount)
    human_review: Amount = attrs.field(converter=amount)


RATES = ("rate", "baseRate", "rates")


def rate_misfits(has: Collection[str]) -> Iterator[Misfit]:
    """What is wrong with a price for each execution that has these keys: it has one base, or prices of steps alone."""
    bases = [key for key in RATES if key in has]
    for key in bases[1:]:
        yield Misfit("rate-twice", key, f"{key} stands beside {bases[0]}", f"keep one of {', '.join(bases)}")
    if not bases and "stepRates" not in has:
        yield Misfit("no-rate", "", "nothing says what an execution costs", "add rate: 1.0")


@attrs.frozen
class PerExecution:
    """A price for each execution: `rate` (or `base_rate`, the same), or `rates`; and one for each step that was done."""

    rate: Amount | None = attrs.field(default=None, converter=optional(amount))
    base_rate: Amount | None = attrs.field(default=None, converter=optional(amount))
    rates: Rates | None = attrs.field(default=None, validator=part_if_any(Rates))
    step_rates: Mapping[Name, Amount] = attrs.field(default=EMPTY, converter=amounts)
    discounts: Discounts | None = attrs.field(default=None, validator=part_if_any(Discounts))
    parallel_discount: Share | None = attrs.field(default=None, converter=optional(share))
    failure_refund: Amount | None = attrs.field(default=None, converter=optional(amount))
    currency: Currency = attrs.field(default="USD", converter=currency)

    def __attrs_post_init__(self) -> None:
        """A price list that is made in Python has one base, too."""
        has = {camel(field.name) for field in attrs.fields(PerExecution) if said(getattr(self, field.name))}
        found = [Diagnostic(m.code, m.message, f"$.{m.key}".rstrip("."), hint=m.hint) for m in rate_misfits(has)]
        if found:
            raise DefinitionError(found)


@attrs.frozen
class TimeBased:
    """A price for each second of an execution, between `minimum` and `maximum`; of some steps it is more, or less."""

    rate: Amount = attrs.field(converter=amount)
    minimum: Amount | None = attrs.field(default=None, converter=optional(amount))
    maximum: Ceiling | None = attrs.field(default=None, converter=ceiling)
    step_multipliers: Mapping[Name, Factor] = attrs.field(default=EMPTY, converter=factors)
    currency: Currency = attrs.field(default="USD", converter=currency)

    def __attrs_post_init__(self) -> None:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            message = f"minimum is {self.minimum}, but maximum {self.maximum}"
            raise DefinitionError([Diagnostic("minimum-above-maximum", message, "$.minimum", hint="swap them")])


Pricing: TypeAlias = PerExecution | TimeBased
MODELS: dict[str, type[PerExecution | TimeBased]] = {"per-execution": PerExecution, "time-based": TimeBased}
MODEL_OF = {cls: model for model, cls in MODELS.items()}


@attrs.frozen
class Billing:
    """Whom to charge, and how many executions they have: expressions over inputs, context and results.

    What is not said is `inputs.customerId` and `inputs.volume`.
    """

    customer: Expression | None = attrs.field(default=None, converter=optional(expression))
    volume: Expression | None = attrs.field(default=None, converter=optional(expression))


PRICED = (PerExecution, TimeBased, Discounts, Tier, Rates, Billing)  # what a file may have of these


def pricing(value: Pricing | None) -> Pricing | None:
    """A price list, if there is one."""
    if value is not None and not isinstance(value, PerExecution | TimeBased):
        raise wrong("wrong-type", f"pricing must be a PerExecution or a TimeBased, found {shown(value)}")
    return value
