"""One order and one claim, as the OpenAPI document shows them: an example for each thing that is answered.

Above: the routes.
"""

from __future__ import annotations

from typing import Any

_COUNTED: list[dict[str, Any]] = [
    {"state": "pending", "outcome": None, "instances": 12},
    {"state": "delivered", "outcome": "success", "instances": 340},
]
MACHINE = {"name": "order", "digest": "21afd1034323b9be", "states": _COUNTED}
MACHINE_WHOLE = {
    **MACHINE,
    "kind": "states",
    "description": "An order is validated, paid, fulfilled and shipped.",
    "definition": {
        "initialState": "pending",
        "states": {"pending": {"on": {"VALIDATE": "validated"}}, "validated": {"terminal": True}},
    },
    "events": ["VALIDATE"],
}
CHECK = {"ok": True, "states": 2, "compiledStates": 3, "configurations": 3, "transitions": 2, "findings": []}
STATS = {
    "machine": "order",
    "instances": 352,
    "running": 12,
    "ends": [{"state": "delivered", "outcome": "success", "count": 340}],
    "duration": {"mean": 52_000.0, "p50": 48_000, "p90": 90_000, "p99": 200_000, "least": 900, "greatest": 260_000},
    "places": [],
    "ways": [],
    "handlers": [],
    "tasks": [],
}
FORECAST = {
    "machine": "order",
    "method": "exact",
    "success": 0.97,
    "ends": [
        {
            "state": "delivered",
            "outcome": "success",
            "probability": 0.97,
            "margin": 0.0,
            "duration": None,
            "price": None,
        }
    ],
    "cases": [],
    "seen": {"check-order": 352},
}
INSTANCE = {
    "instance": "order-5d2c8a1b9e07",
    "machine": "order",
    "state": "processing-payment",
    "done": False,
    "outcome": None,
    "requestId": "ORD-1",
    "created": 1_764_576_000_000,
    "updated": 1_764_576_004_000,
    "due": 1_764_576_034_000,
}
INSTANCE_WHOLE = {
    **INSTANCE,
    "states": ["processing-payment"],
    "allowed": ["PAYMENT_SUCCESS", "PAYMENT_FAILED"],
    "context": {"order": "ORD-1", "total": "69.40"},
    "timers": [{"timer": "$timeout:processing-payment", "region": "main", "at": 1_764_576_034_000}],
    "calls": [{"handler": "charge-payment", "attempt": 1, "key": "order-5d2c8a1b9e07/main/4"}],
    "waiting": [],
    "deferred": [],
}
INSTANCES = {"instances": [INSTANCE], "next": "1041"}
HISTORY = {
    "rows": [
        {
            "seq": 2,
            "at": 1_764_576_001_000,
            "event": "VALIDATE",
            "data": {},
            "changes": [{"region": "main", "from": "pending", "to": "validating", "attempt": 1}],
        }
    ],
    "next": None,
}
COST = {
    "instance": "claim-0c1f9a77de21",
    "total": "2.00",
    "exact": "2",
    "currency": "EUR",
    "final": True,
    "customer": "C-7",
    "volume": 120,
    "lines": [{"what": "execution", "amount": "2", "how": "automated"}],
}
TASK = {
    "id": "claim-0c1f9a77de21/approve/1",
    "instance": "claim-0c1f9a77de21",
    "step": "approve",
    "assignedTo": "ann",
    "details": {"about": "the claim"},
    "dueAt": 1_764_662_400_000,
}
HEALTH = {"status": "ok", "owns": True}
COUNTS = {"order": _COUNTED}


def answer(disposition: str, **more: Any) -> dict[str, Any]:
    """What became of an event."""
    told = {
        "instance": "order-5d2c8a1b9e07",
        "event": "VALIDATE",
        "disposition": disposition,
        "seq": 2,
        "state": "validating",
        "allowed": ["VALIDATION_SUCCESS", "VALIDATION_FAILED"],
        "notes": [],
    }
    return {**told, **more}
