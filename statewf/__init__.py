"""statewf: workflows as explicit finite-state machines, proved before they run, then run durably.

The public face. Names are looked up when they are first used, so that `import statewf` costs next to
nothing and a script that only steps a machine never loads a parser or a database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statewf.checker import check as check
    from statewf.compiler import compile_definition
    from statewf.definition.model import Absence as Absence
    from statewf.definition.model import Always as Always
    from statewf.definition.model import Assign as Assign
    from statewf.definition.model import Compensation as Compensation
    from statewf.definition.model import CompensationAction as CompensationAction
    from statewf.definition.model import Emit as Emit
    from statewf.definition.model import ErrorHandling as ErrorHandling
    from statewf.definition.model import EscalationPolicy as EscalationPolicy
    from statewf.definition.model import Eventually as Eventually
    from statewf.definition.model import Existence as Existence
    from statewf.definition.model import Function as Function
    from statewf.definition.model import Invoke as Invoke
    from statewf.definition.model import Precedence as Precedence
    from statewf.definition.model import Quorum as Quorum
    from statewf.definition.model import Raise as Raise
    from statewf.definition.model import Response as Response
    from statewf.definition.model import Retry as Retry
    from statewf.definition.model import RetryPolicy as RetryPolicy
    from statewf.definition.model import Review as Review
    from statewf.definition.model import Sometimes as Sometimes
    from statewf.definition.model import State as State
    from statewf.definition.model import StateMachine as StateMachine
    from statewf.definition.model import Step as Step
    from statewf.definition.model import Transition as Transition
    from statewf.definition.model import Workflow as Workflow
    from statewf.definition.model import WorkflowErrors as WorkflowErrors
    from statewf.definition.pricing import Billing as Billing
    from statewf.definition.pricing import Discounts as Discounts
    from statewf.definition.pricing import PerExecution as PerExecution
    from statewf.definition.pricing import Rates as Rates
    from statewf.definition.pricing import Tier as Tier
    from statewf.definition.pricing import TimeBased as TimeBased
    from statewf.errors import Archived as Archived
    from statewf.errors import AssumptionsError as AssumptionsError
    from statewf.errors import Closed as Closed
    from statewf.errors import CompileError as CompileError
    from statewf.errors import ConversionError as ConversionError
    from statewf.errors import DataError as DataError
    from statewf.errors import DefinitionError as DefinitionError
    from statewf.errors import Diagnostic as Diagnostic
    from statewf.errors import EventRejected as EventRejected
    from statewf.errors import ExpressionError as ExpressionError
    from statewf.errors import HandlersError as HandlersError
    from statewf.errors import InputError as InputError
    from statewf.errors import KeyConflict as KeyConflict
    from statewf.errors import NonRetryable as NonRetryable
    from statewf.errors import OwnerLost as OwnerLost
    from statewf.errors import RequestConflict as RequestConflict
    from statewf.errors import ScenarioError as ScenarioError
    from statewf.errors import StatewfError as StatewfError
    from statewf.errors import StoreBusy as StoreBusy
    from statewf.errors import StoreConflict as StoreConflict
    from statewf.errors import StoreError as StoreError
    from statewf.errors import Unknown as Unknown
    from statewf.errors import UnknownInstance as UnknownInstance
    from statewf.errors import UnknownMachine as UnknownMachine
    from statewf.errors import UnknownTask as UnknownTask
    from statewf.files import load as load
    from statewf.files import loads as loads
    from statewf.history import Memory as Memory
    from statewf.machine.events import Event as Event
    from statewf.machine.fsm import Machine as Machine
    from statewf.machine.record import Receipt as Receipt
    from statewf.machine.snapshot import Rejected as Rejected
    from statewf.machine.snapshot import Snapshot as Snapshot
    from statewf.machine.step import start as start
    from statewf.machine.step import step as step
    from statewf.runtime import Executor as Executor
    from statewf.runtime import Meter as Meter
    from statewf.runtime import Metrics as Metrics
    from statewf.simulator import Driver as Driver
    from statewf.simulator import simulate as simulate

    compile = compile_definition  # noqa: A001  # the verb of the field

__version__ = "0.1.0"

_MODEL = (
    "Absence Always Assign Compensation CompensationAction Emit ErrorHandling EscalationPolicy Eventually "
    "Existence Function Invoke Precedence Quorum Raise Response Retry RetryPolicy Review Sometimes State "
    "StateMachine Step Transition Workflow WorkflowErrors"
)
_PRICES = "Billing Discounts PerExecution Rates Tier TimeBased"
_ERRORS = (
    "Archived AssumptionsError Closed CompileError ConversionError DataError DefinitionError Diagnostic EventRejected ExpressionError HandlersError "
    "InputError KeyConflict NonRetryable OwnerLost RequestConflict ScenarioError StatewfError StoreBusy "
    "StoreConflict StoreError Unknown UnknownInstance UnknownMachine UnknownTask"
)
_HOMES: dict[str, tuple[str, str]] = {
    **{name: ("statewf.definition.model", name) for name in _MODEL.split()},
    **{name: ("statewf.definition.pricing", name) for name in _PRICES.split()},
    **{name: ("statewf.errors", name) for name in _ERRORS.split()},
    "Driver": ("statewf.simulator", "Driver"),
    "Event": ("statewf.machine.events", "Event"),
    "Executor": ("statewf.runtime", "Executor"),
    "Machine": ("statewf.machine.fsm", "Machine"),
    "Memory": ("statewf.history", "Memory"),
    "Meter": ("statewf.runtime", "Meter"),
    "Metrics": ("statewf.runtime", "Metrics"),
    "Receipt": ("statewf.machine.record", "Receipt"),
    "Rejected": ("statewf.machine.snapshot", "Rejected"),
    "Snapshot": ("statewf.machine.snapshot", "Snapshot"),
    "check": ("statewf.checker", "check"),
    "compile": ("statewf.compiler", "compile_definition"),
    "load": ("statewf.files", "load"),
    "loads": ("statewf.files", "loads"),
    "simulate": ("statewf.simulator", "simulate"),
    "start": ("statewf.machine.step", "start"),
    "step": ("statewf.machine.step", "step"),
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604  # names of the table above, spelled once


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'statewf' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
