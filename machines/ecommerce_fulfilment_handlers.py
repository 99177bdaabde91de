"""What the web shop's fulfilment calls: shelves, boxes, a bank, a courier. All of it lies in one folder."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

BOXES = {"small": 2_000, "medium": 12_000, "large": 60_000}  # what they hold, in cubic centimetres
SHELVES = {"book": ("A", 900), "lamp": ("C", 7_500), "chair": ("F", 58_000)}  # where, and how big


def validate_order(call: Work) -> dict[str, Any]:
    """Only what the shop sells."""
    lines = {str(sku): int(count) for sku, count in dict(call.inputs.get("order", {})).items()}
    strange = sorted(set(lines) - set(SHELVES))
    if strange or not lines or min(lines.values()) < 1:
        raise NonRetryable(f"not sold here: {', '.join(strange)}" if strange else "nothing is ordered")
    return {"lines": lines}


def check_inventory(call: Work) -> dict[str, Any]:
    """Enough on the shelves."""
    stock = dict(call.inputs.get("stock", {}))
    short = sorted(
        sku for sku, count in call.results["validate-order"]["lines"].items() if stock.get(sku, 0) < count
    )
    if short:
        raise NonRetryable(f"sold out: {', '.join(short)}")
    return {}


def process_payment(call: Work) -> dict[str, Any]:
    """Sum up by the price list, and take it."""
    prices = {sku: Decimal(str(price)) for sku, price in dict(call.inputs["prices"]).items()}
    total = sum(prices[sku] * count for sku, count in call.results["validate-order"]["lines"].items())
    _write(call, "payment", {"total": str(total)})
    return {"total": str(total)}


def refund(call: Work) -> dict[str, Any]:
    """Give it back."""
    _write(call, "refund", {"total": call.results["process-payment"]["total"]})
    return {}


def pick(call: Work) -> dict[str, Any]:
    """The way along the shelves, in their order."""
    lines = call.results["validate-order"]["lines"]
    return {"way": [f"{SHELVES[sku][0]}:{sku}x{lines[sku]}" for sku in sorted(lines, key=lambda sku: SHELVES[sku])]}


def pack(call: Work) -> dict[str, Any]:
    """The smallest box that holds it all. Raises when there is none."""
    volume = sum(SHELVES[sku][1] * count for sku, count in call.results["validate-order"]["lines"].items())
    fitting = [name for name, holds in BOXES.items() if holds >= volume]
    if not fitting:
        raise NonRetryable(f"no box holds {volume} cubic centimetres")
    return {"box": fitting[0]}


def print_invoice(call: Work) -> dict[str, Any]:
    """One line an item, the sum below."""
    lines = [f"{count:>3} {sku}" for sku, count in call.results["validate-order"]["lines"].items()]
    text = "\n".join([*lines, f"{call.results['process-payment']['total']:>12}"])
    _write(call, "invoice", {"text": text})
    return {"invoice": text}


def ship(call: Work) -> dict[str, Any]:
    """Hand it to the courier, who gives a number with a check."""
    number = f"{zlib.crc32(call.key.encode()):010d}"
    parcel = f"SW{number}{sum(map(int, number)) % 10}"
    _write(call, "parcel", {"parcel": parcel, "box": call.results["pack"]["box"]})
    return {"parcel": parcel}


def call_back(call: Work) -> dict[str, Any]:
    """Ask the courier to bring it back."""
    _write(call, "called-back", {"parcel": call.results["ship"]["parcel"]})
    return {}


def confirm(call: Work) -> dict[str, Any]:
    """Thank the customer."""
    _write(call, "thanks", {"to": call.inputs.get("email"), "signedBy": call.context.get("signedBy")})
    return {}


def _write(call: Work, name: str, content: Any) -> None:
    folder = Path(str(call.inputs.get("shop", "/tmp/statewf-webshop"))) / call.instance  # noqa: S108  # an example writes somewhere
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


handlers = {
    "validate-order": validate_order,
    "check-inventory": check_inventory,
    "process-payment": process_payment,
    "refund": refund,
    "pick": pick,
    "pack": pack,
    "print-invoice": print_invoice,
    "ship": ship,
    "call-back": call_back,
    "confirm": confirm,
}
