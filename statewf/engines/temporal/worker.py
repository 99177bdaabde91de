"""A worker: it interprets instances and performs what they ask for, together with all others at its task queue.

Below: `workflow`, `activities`. Above: `executor`.
"""

from __future__ import annotations

from temporalio.client import Client
from temporalio.worker import Worker

from statewf.engines.temporal.activities import Activities
from statewf.engines.temporal.subscribers import Subscribers
from statewf.engines.temporal.workflow import Interpreter
from statewf.runtime.handlers import Handlers


def worker(client: Client, handlers: Handlers, subscribers: Subscribers, task_queue: str) -> Worker:
    """A worker that performs with these handlers; an async context manager, within which it works."""
    activities = Activities(handlers, subscribers)
    return Worker(
        client, task_queue=task_queue, workflows=[Interpreter], activities=[activities.call, activities.tell]
    )
