"""What a person wrote: the definition of a state machine or a step workflow, and its way from text and back.

Stands on `expr` and `values`; knows nothing of machines, and touches no file: whoever has one gives its text.
Above: the compiler, which turns a definition into a machine, and whoever loads or shows one.
Inside, from the ground: places, shape, words, policy, workflow, model; then mistakes,
converter, document (yaml_text, json_text), read, write, schema.
The package gives the model alone, so that importing it stays cheap; `definition.read.read`,
`definition.write.to_yaml` and `definition.schema.schema` are imported where they are needed.
"""

from statewf.definition.model import (
    ERROR,
    Action,
    Assign,
    Compensation,
    CompensationAction,
    Definition,
    Emit,
    ErrorHandling,
    EscalationPolicy,
    Function,
    Invoke,
    Places,
    Quorum,
    Retry,
    RetryPolicy,
    Review,
    State,
    StateMachine,
    Step,
    Transition,
    Workflow,
    WorkflowErrors,
    path_text,
)

__all__ = [
    "ERROR",
    "Action",
    "Assign",
    "Compensation",
    "CompensationAction",
    "Definition",
    "Emit",
    "ErrorHandling",
    "EscalationPolicy",
    "Function",
    "Invoke",
    "Places",
    "Quorum",
    "Retry",
    "RetryPolicy",
    "Review",
    "State",
    "StateMachine",
    "Step",
    "Transition",
    "Workflow",
    "WorkflowErrors",
    "path_text",
]
