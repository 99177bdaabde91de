"""Events a second on a Temporal server: our interpreter with the order machine, beside the same order written by hand.

The same server, worker and client process, the same orders, of which so many live side by side; events are updates with keys, sent
one after another by each order's customer, who looks for the end of a call by a query. `temporal by hand` does all that the
machine does; `lean` keeps no state where it can be searched for; both are as they come, in Temporal's sandbox. `unsandboxed` is the
first of them without it, as our interpreter is.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import statewf as wf
from statewf.engines.temporal import TemporalExecutor
from statewf.machine.work import Work
from tests.benchmarks.by_hand import Lean, Order, charge_payment, check_order, tell
from tests.benchmarks.measure import Result, progress
from tests.benchmarks.simulate import MACHINES
from tests.engines.temporal.server import server

ORDERS, ROUNDS = 60, 5
LIFE = (  # what is sent, and where it is to be before that
    ("VALIDATE", "pending"),
    ("PROCESS_PAYMENT", "validated"),
    ("FULFILL", "paid"),
    ("SHIPPED", "fulfilling"),
    ("DELIVERED", "shipped"),
)
INPUTS = {"items": [{"sku": "A-1", "quantity": 2}], "total": 30, "address": {"city": "Berne"}}
PAUSE = 0.005  # seconds between looks

Send = Callable[[str, str, str], Awaitable[Any]]  # instance, event, key
Start = Callable[[str], Awaitable[Any]]

_numbers = itertools.count()


def run() -> Result:
    with server() as address:
        rates = asyncio.run(_measured(address))
    medians = {name: statistics.median(each) for name, each in rates.items()}
    detail = {"orders side by side": ORDERS, "events of each": len(LIFE), "rounds": ROUNDS}
    return Result("temporal", "events/s", medians.pop("ours"), medians, detail)


async def _measured(address: str) -> dict[str, list[float]]:
    client = await Client.connect(address)
    activities: list[Callable[..., Any]] = [check_order, charge_payment, tell]
    ours = TemporalExecutor(client, {"check-order": _checked, "charge-payment": _charged}, "ours")
    bare = UnsandboxedWorkflowRunner()
    by_hand = (
        Worker(client, task_queue="hand", workflows=[Order, Lean], activities=activities),
        Worker(client, task_queue="bare", workflows=[Order], activities=activities, workflow_runner=bare),
    )
    async with ours, by_hand[0], by_hand[1]:
        await ours.deploy(wf.load(MACHINES / "order.yaml"))

        def start(workflow: Any, task_queue: str) -> Start:
            return lambda name: client.start_workflow(workflow.run, INPUTS, id=name, task_queue=task_queue)

        async def send(instance: str, event: str, key: str) -> None:
            document = {"event": event, "data": {"by": key}, "key": key}
            while True:
                try:
                    await client.get_workflow_handle(instance).execute_update("send", document, id=key)
                except RPCError as error:
                    if (
                        error.status != RPCStatusCode.FAILED_PRECONDITION
                    ):  # interrupted by something else: once more
                        raise
                else:
                    return

        async def start_ours(instance: str) -> None:
            await ours.begin("order", INPUTS, request_id=instance.removeprefix("order:"))

        async def send_ours(instance: str, event: str, key: str) -> None:
            await ours.send(instance, event, {"by": key}, key=key)

        who: dict[str, tuple[Start, Send]] = {
            "ours": (start_ours, send_ours),
            "temporal by hand": (start(Order, "hand"), send),
            "unsandboxed": (start(Order, "bare"), send),
            "lean": (start(Lean, "hand"), send),
        }
        rates: dict[str, list[float]] = {name: [] for name in who}
        for number in range(ROUNDS + 1):
            for name, (begin, give) in who.items():
                rate = await _round(client, begin, give)
                if number:  # nobody measures what is done for the first time
                    rates[name].append(rate)
                    progress(f"{name}: {rate:.0f} events/s")
    return rates


async def _checked(work: Work) -> wf.Event:
    return wf.Event("VALIDATION_SUCCESS", {"well": bool(work.inputs)})


async def _charged(work: Work) -> wf.Event:
    return wf.Event("PAYMENT_SUCCESS", {"well": bool(work.inputs)})


async def _round(client: Client, start: Start, send: Send) -> float:
    """Events a second of so many orders, from their start to their end."""
    names = [f"order:{next(_numbers)}" for _ in range(ORDERS)]
    began = time.perf_counter()
    await asyncio.gather(*(_life(client.get_workflow_handle(name), name, start, send) for name in names))
    return ORDERS * len(LIFE) / (time.perf_counter() - began)


async def _life(handle: WorkflowHandle[Any, Any], name: str, start: Start, send: Send) -> None:
    await start(name)
    for event, at in LIFE:
        while event in ("PROCESS_PAYMENT", "FULFILL") and await handle.query("state") != at:
            await asyncio.sleep(PAUSE)
        await send(name, event, f"{name}/{event}")
    await handle.result()
