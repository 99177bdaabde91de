"""What expense approval calls: it reads a report's lines, knows the policy, and writes what is to be paid back."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

LINE = re.compile(r"^(?P<day>\d{4}-\d\d-\d\d)\s+(?P<kind>[a-z]+)\s+(?P<amount>\d+\.\d\d)(?:\s+(?P<note>.*))?$")
LIMITS = {"meal": Decimal(40), "taxi": Decimal(60), "hotel": Decimal(180), "train": Decimal(250)}  # a line
AUTOMATIC = Decimal(100)  # a report


def extract(call: Work) -> dict[str, Any]:
    """The lines of the report: day, kind, amount, note."""
    lines = [line.strip() for line in str(call.inputs.get("report", "")).splitlines() if line.strip()]
    found = [LINE.match(line) for line in lines]
    strange = [line for line, match in zip(lines, found, strict=True) if match is None]
    if strange or not lines:
        raise NonRetryable(f"this is no line of a report: {strange[0]}" if strange else "the report is empty")
    expenses = [match.groupdict() for match in found if match is not None]
    return {"expenses": expenses, "total": str(sum(Decimal(expense["amount"]) for expense in expenses))}


def policy_check(call: Work) -> dict[str, Any]:
    """What is against the policy, and who has to decide then."""
    expenses, total = call.results["extract"]["expenses"], Decimal(call.results["extract"]["total"])
    concerns = [
        f"{expense['kind']} of {expense['amount']} on {expense['day']}"
        for expense in expenses
        if Decimal(expense["amount"]) > LIMITS.get(expense["kind"], Decimal(0))
    ]
    approver = call.inputs.get("lead", "finance") if total <= 10 * AUTOMATIC else "finance"
    return {"autoApprove": not concerns and total <= AUTOMATIC, "concerns": concerns, "approver": approver}


def auto_approve(_: Work) -> dict[str, Any]:
    """The policy itself approves it."""
    return {"approved": True, "reviewedBy": "policy"}


def process(call: Work) -> dict[str, Any]:
    """Write what is to be paid back, once."""
    folder = Path(str(call.inputs.get("payroll", "/tmp/statewf-expenses")))  # noqa: S108  # an example writes somewhere
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{call.key.replace('/', '-')}.json"
    paid = {"to": call.inputs["employee"], "amount": call.results["extract"]["total"]}
    file.write_text(json.dumps({**paid, "approvedBy": call.context.get("reviewedBy")}), encoding="utf-8")
    return {"paid": paid["amount"]}


handlers = {"extract": extract, "policy-check": policy_check, "auto-approve": auto_approve, "process": process}
