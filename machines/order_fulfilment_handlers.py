"""What order fulfilment calls: a check of the order, a till, a stock room, a label printer, a letter box.

The shop is a folder. The stock is what is in `stock.json` but for what files in `reserved/` take; who is called
twice for the same thing writes the same file again.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

POSTAGE = {"DE": 5, "AT": 9, "CH": 14}  # days are of no concern here, countries are


def validate(call: Work) -> dict[str, Any]:
    """The lines add up to the total that the customer saw."""
    items = call.inputs.get("items", ())
    if not items:
        raise NonRetryable("the order has no items")
    if any(int(item["quantity"]) < 1 for item in items):
        raise NonRetryable("an item is ordered less than once")
    total = sum(Decimal(str(item["price"])) * int(item["quantity"]) for item in items)
    if total != Decimal(str(call.inputs["total"])):
        raise NonRetryable(f"the items come to {total}, not to {call.inputs['total']}")
    return {"total": str(total)}


def payment(call: Work) -> dict[str, Any]:
    """Take the money from the card, as far as its limit goes."""
    card = call.inputs["card"]
    if Decimal(call.results["validate"]["total"]) > Decimal(str(card["limit"])):
        raise NonRetryable("the card is declined")
    _write(call, "till", {"took": call.results["validate"]["total"], "from": str(card["number"])[-4:]})
    return {"paid": call.results["validate"]["total"]}


def refund(call: Work) -> dict[str, Any]:
    """Give the money back."""
    _write(call, "refunds", {"gave": call.results["validate"]["total"]})
    return {}


def check_stock(call: Work) -> dict[str, Any]:
    """Whether everything is there that nobody else has reserved."""
    stock = _stock(call)
    missing = [item["sku"] for item in call.inputs["items"] if stock.get(item["sku"], 0) < int(item["quantity"])]
    if missing:
        raise NonRetryable(f"not in stock: {', '.join(missing)}")
    return {"inStock": True}


def reserve(call: Work) -> dict[str, Any]:
    """Put it aside for this order."""
    _write(call, "reserved", {item["sku"]: int(item["quantity"]) for item in call.inputs["items"]})
    return {"reserved": len(call.inputs["items"])}


def release(call: Work) -> dict[str, Any]:
    """Put it back."""
    (_shop(call) / "reserved" / f"{call.instance}.json").unlink(missing_ok=True)
    return {}


def shipping(call: Work) -> dict[str, Any]:
    """Print the label. Raises for a country where nobody delivers."""
    address = call.inputs["address"]
    if address["country"] not in POSTAGE:
        raise NonRetryable(f"nobody delivers to {address['country']}")
    lines = [address["name"], address["street"], f"{address['country']}-{address['city']}"]
    _write(call, "labels", {"label": lines, "postage": POSTAGE[address["country"]]})
    return {"label": "\n".join(lines)}


def notification(call: Work) -> dict[str, Any]:
    """Tell the customer. Raises when there is no address to write to."""
    mail = str(call.inputs.get("email", ""))
    if "@" not in mail:
        raise NonRetryable("there is no address to write to")
    _write(call, "letters", {"to": mail, "text": f"on its way to {call.inputs['address']['city']}"})
    return {}


def _shop(call: Work) -> Path:
    return Path(str(call.inputs.get("shop", "/tmp/statewf-shop")))  # noqa: S108  # an example writes somewhere


def _stock(call: Work) -> dict[str, int]:
    file = _shop(call) / "stock.json"
    stock = json.loads(file.read_text(encoding="utf-8")) if file.exists() else dict(call.inputs.get("stock", {}))
    for reserved in (_shop(call) / "reserved").glob("*.json"):
        if reserved.stem != call.instance:
            for sku, quantity in json.loads(reserved.read_text(encoding="utf-8")).items():
                stock[sku] = stock.get(sku, 0) - quantity
    return stock


def _write(call: Work, drawer: str, content: Any) -> None:
    file = _shop(call) / drawer / f"{call.instance}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


handlers = {
    "validate": validate,
    "payment": payment,
    "refund": refund,
    "check-stock": check_stock,
    "reserve": reserve,
    "release": release,
    "shipping": shipping,
    "notification": notification,
}
