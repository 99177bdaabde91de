"""What the approval chain calls: a check of the request, a ledger with the budget, and an order book.

The ledger and the book are folders with one file a request. A reservation is written first and the sum is
looked at then, so that of two requests that together are too much at most one is kept.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

LEVELS = (Decimal(100), Decimal(1_000), Decimal(10_000), Decimal(50_000))  # above each of these, one level more


def check_request(call: Work) -> dict[str, Any]:
    """How many levels it needs, and who stands on each. Nobody approves what is for themselves."""
    asked = call.inputs
    amount, people, who = _amount(asked.get("amount")), asked["people"], asked.get("requester")
    if not who or not asked.get("item"):
        raise ValueError("a request says who wants what: requester and item")
    level = sum(amount > limit for limit in LEVELS)
    free = {role: [person for person in people.get(role, ()) if person != who] for role in ROLES}
    lacking = [role for at, role in enumerate(ROLES, 1) if at <= level and len(free[role]) < ROLES[role]]
    if lacking:
        raise ValueError(f"nobody but {who} could approve this as {', '.join(lacking)}")
    return {
        "level": level,
        "lead": _first(free["lead"]),
        "head": _first(free["head"]),
        "controllers": free["controllers"],
        "board": free["board"],
    }


def reserve_budget(call: Work) -> dict[str, Any]:
    """Set the amount aside. Raises ValueError if there is not as much left."""
    budget, mine = _amount(call.inputs["budget"]), _file(call, "reserved")
    _write(mine, {"amount": str(_amount(call.inputs["amount"])), "for": call.inputs["item"]})
    reserved = sum(Decimal(json.loads(file.read_text())["amount"]) for file in mine.parent.glob("*.json"))
    if reserved > budget:
        mine.unlink()
        raise ValueError(f"the budget of {budget} is overdrawn: {reserved} would be reserved")
    return {"left": str(budget - reserved)}


def release_budget(call: Work) -> dict[str, Any]:
    """Take the reservation back."""
    _file(call, "reserved").unlink(missing_ok=True)
    return {"released": call.inputs["request"]}


def place_order(call: Work) -> dict[str, Any]:
    """Write the order, with everybody who approved it."""
    order = f"PO-{call.inputs['request']}"
    said = [(step, result) for step, result in call.results.items() if "approved" in (result or {})]
    approvals = [{"step": step, "by": result["reviewedBy"]} for step, result in said if result["approved"]]
    told = {"order": order, "item": call.inputs["item"], "amount": str(_amount(call.inputs["amount"]))}
    _write(_file(call, "orders"), {**told, "approvals": approvals})
    return {"order": order, "approvals": len(approvals)}


def cancel_order(call: Work) -> dict[str, Any]:
    """Strike the order out of the book."""
    _file(call, "orders").unlink(missing_ok=True)
    return {"cancelled": f"PO-{call.inputs['request']}"}


handlers = {
    "check-request": check_request,
    "reserve-budget": reserve_budget,
    "release-budget": release_budget,
    "place-order": place_order,
    "cancel-order": cancel_order,
}

ROLES = {"lead": 1, "head": 1, "controllers": 2, "board": 3}  # by level, and how many of them there must be


def _amount(value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
        if amount > 0 and amount == amount.quantize(Decimal("0.01")):
            return amount
    except InvalidOperation:
        pass
    raise ValueError(f"{value!r} is not an amount of money")


def _first(people: list[str]) -> str | None:
    return people[0] if people else None


def _file(call: Work, book: str) -> Path:
    request = str(call.inputs["request"])
    if not re.fullmatch(r"\w[\w.-]*", request):
        raise NonRetryable(f"{request!r} is not the number of a request")
    return Path(call.inputs["folder"]) / book / f"{request}.json"


def _write(file: Path, told: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(told, indent=1), encoding="utf-8")
    draft.replace(file)  # whoever adds up the ledger never sees half a file
