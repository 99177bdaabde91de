"""A worker: it interprets instances and performs what they ask for, together with all others at its task queue.

Below: `workflow`, `activities`. Above: `executor`.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from statewf.engines.temporal.activities import Activities
from statewf.engines.temporal.workflow import Interpreter


def worker(client: Client, task_queue: str, activities: Activities, concurrency: int, grace: float) -> Worker:
    """A worker with these activities, so many at once; an async context manager, within which it works.

    At its end activities that run have `grace` seconds to end by themselves.
    """
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[Interpreter],
        activities=[activities.call, activities.tell],
        max_concurrent_activities=concurrency,
        graceful_shutdown_timeout=timedelta(seconds=grace),
    )
