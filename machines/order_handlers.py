"""What the order machine calls: a check of the order document, and a payment gateway.

The gateway is a stand-in that runs in this process: it keeps its books in memory, knows a card by its
number, declines some, and charges a key at most once. Everything else about it is what a real one does.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from statewf import Event
from statewf.runtime import Work

CENT = Decimal("0.01")
LIMIT = Decimal(5000)  # the most that the gateway charges at once, in any currency
STOLEN = {"4000000000000002"}  # cards the gateway always declines


def check_order(call: Work) -> Event:
    """Check the order in the inputs: items, quantities, prices that add up, an address to ship to."""
    order = call.inputs
    problems = [*_items(order), *_totals(order), *_address(order)]
    if problems:
        return Event("VALIDATION_FAILED", {"problems": problems})
    return Event("VALIDATION_SUCCESS", {"amountDue": str(_money(order["total"]))})


def charge_payment(call: Work) -> Event:
    """Charge the card of the order. The key makes sure that a repeated call does not charge twice."""
    order = call.inputs
    card = order.get("payment") or {}
    amount = _money(order.get("total"))
    reason = _decline(card, amount, order.get("date"))
    if reason is not None:
        return Event("PAYMENT_FAILED", {"reason": reason, "paymentAttempt": call.attempt})
    receipt = _BOOKS.setdefault(call.key, f"ch_{len(_BOOKS) + 1:06d}")
    return Event("PAYMENT_SUCCESS", {"charge": receipt, "charged": str(amount), "paymentAttempt": call.attempt})


handlers = {"check-order": check_order, "charge-payment": charge_payment}

_BOOKS: dict[str, str] = {}  # idempotency key -> charge


def _money(value: object) -> Decimal | None:
    """An amount with at most two decimals, or None."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount == amount.quantize(CENT) and amount >= 0 else None


def _items(order: Any) -> list[str]:
    items = order.get("items")
    if not isinstance(items, list | tuple) or not items:
        return ["the order has no items"]
    problems = []
    for number, item in enumerate(items, 1):
        name = item.get("sku") or f"item {number}"
        quantity = item.get("quantity")
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            problems.append(f"{name}: the quantity {quantity!r} is not a positive whole number")
        if _money(item.get("unitPrice")) is None:
            problems.append(f"{name}: the price {item.get('unitPrice')!r} is not an amount of money")
    return problems


def _totals(order: Any) -> list[str]:
    items = order.get("items") or ()
    prices = [_money(item.get("unitPrice")) for item in items]
    shipping, total = _money(order.get("shippingCost", 0)), _money(order.get("total"))
    if total is None:
        return [f"the total {order.get('total')!r} is not an amount of money"]
    if shipping is None or any(price is None for price in prices):
        return []  # told already, or nothing to add up
    summed = sum(
        (item.get("quantity", 0) * price for item, price in zip(items, prices, strict=True) if price), shipping
    )
    return [] if summed == total else [f"items and shipping add up to {summed}, but the total says {total}"]


def _address(order: Any) -> list[str]:
    address = order.get("shippingAddress") or {}
    lacking = [part for part in ("name", "street", "city", "postcode", "country") if not address.get(part)]
    return [f"the shipping address lacks {', '.join(lacking)}"] if lacking else []


def _decline(card: Any, amount: Decimal | None, ordered: Any) -> str | None:
    """Why the gateway declines, or None."""
    number = str(card.get("number", "")).replace(" ", "")
    if not _luhn(number):
        return "invalid card number"
    if number in STOLEN:
        return "card declined"
    if amount is None or amount == 0:
        return "nothing to charge"
    if amount > LIMIT:
        return f"over the limit of {LIMIT}"
    try:
        month, year = (int(part) for part in str(card.get("expires", "")).split("/"))
        expired = date(2000 + year, month, 1) < date.fromisoformat(str(ordered)).replace(day=1)
    except ValueError:
        return "invalid expiry date"
    return "card expired" if expired else None


def _luhn(number: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1, annex B)."""
    if not number.isdecimal() or not number.isascii() or not 12 <= len(number) <= 19:
        return False
    doubled = [int(digit) * 2 for digit in number[-2::-2]]
    return (sum(map(int, number[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0
