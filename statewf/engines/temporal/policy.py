"""How a call is tried again where that is left to Temporal: its policy for what a definition says.

It knows exponential delays up to a limit, and constant ones; no linear ones and no jitter: then the machine does it itself.
Pure. Above: `workflow`.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy as TemporalPolicy

from statewf.compiler.plan import plan
from statewf.definition.model import RetryPolicy, Workflow
from statewf.machine.effects import Call
from statewf.machine.fsm import Machine

RUNNING = "running"  # the state in which a step calls its own handler, not one that undoes it


def policy_of(machine: Machine, call: Call) -> TemporalPolicy | None:
    """Temporal's policy for a call; None: the machine tries it again, or nobody does."""
    definition = machine.notes.definition
    if not isinstance(definition, Workflow) or call.owner != RUNNING:
        return None
    own = plan(definition).nodes[call.step].step.retry_policy
    said = own or definition.error_handling.default_retry_policy
    return None if said is None else translated(said)


def translated(policy: RetryPolicy) -> TemporalPolicy | None:
    """The same for Temporal, if it can be said there."""
    if policy.jitter != "none" or policy.backoff == "linear" or not policy.base_delay:
        return None
    return TemporalPolicy(
        initial_interval=timedelta(milliseconds=policy.base_delay),
        backoff_coefficient=2.0 if policy.backoff == "exponential" else 1.0,
        maximum_interval=timedelta(milliseconds=max(policy.base_delay, policy.max_delay or policy.base_delay)),
        maximum_attempts=policy.max_attempts,
        non_retryable_error_types=list(policy.non_retryable),
    )
