"""OpenTelemetry: an observer that makes spans of what instances do.

    spans = Spans(BatchSpanProcessor(OTLPSpanExporter()))
    async with Executor("orders.db", handlers, observe=spans) as executor:
        spans.store = executor.store
        ...
    spans.close()

An instance is a trace, whatever processes it lives in: ids are digests of what a span is a span of. Who follows an instance that began
before looks into the store for how far it had come. Needs the extra `otel`. Beside `metrics`. Below: `trails`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from statewf.errors import StatewfError
from statewf.history import Store
from statewf.history.travel import Traveller
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime.logs import Log
from statewf.runtime.trails import Span, Trail

log = Log("statewf.spans")

FOLLOWED = 10_000  # instances that are followed at once; of others it is read again how far they had come
MILLISECOND = 1_000_000  # ns


class _Ids(IdGenerator):
    """Gives the ids that were laid before it."""

    def __init__(self) -> None:
        self.trace = 0
        self.span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span


class Spans:
    """Is told every step, and gives what is over to a processor of OpenTelemetry's. `store` is where instances are that began before."""

    def __init__(self, processor: SpanProcessor, store: Store | None = None) -> None:
        self.store = store
        self._ids = _Ids()
        self._provider = TracerProvider(sampler=ALWAYS_ON, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("statewf")
        self._trails: OrderedDict[str, Trail] = OrderedDict()

    def __call__(self, machine: Machine, step: Step) -> None:
        """A step was kept."""
        instance = step.after.instance
        trail = self._trails.pop(instance, None) or self._begun(machine, step)
        for span in trail.take(step):
            self._tell(instance, span)
        if not trail.over:
            self._trails[instance] = trail
            if len(self._trails) > FOLLOWED:
                self._trails.popitem(last=False)

    def close(self) -> None:
        """Give the processor time to export what it has."""
        self._provider.shutdown()

    def _begun(self, machine: Machine, step: Step) -> Trail:
        """Where an instance had come to before this step."""
        trail = Trail(machine)
        if step.before.seq == 0 or self.store is None:
            return trail
        try:
            card = self.store.card(step.after.instance)
            for earlier in () if card is None else Traveller(self.store).steps(card):
                if earlier.after.seq > step.before.seq:
                    break
                for _ in trail.take(earlier):
                    pass  # it was told when it was over
        except StatewfError as error:
            log.warning("of %s it is not known how it began: %s", step.after.instance, error)
        return trail

    def _tell(self, instance: str, span: Span) -> None:
        self._ids.trace, self._ids.span = _digest(instance, 16), _digest(span.id, 8)
        around = Context()
        if span.parent is not None:
            known = SpanContext(
                self._ids.trace,
                _digest(span.parent, 8),
                is_remote=False,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            )
            around = set_span_in_context(NonRecordingSpan(known), around)
        told = self._tracer.start_span(
            span.name, around, attributes=span.attributes, start_time=span.began * MILLISECOND
        )
        if span.error is not None:
            told.set_status(Status(StatusCode.ERROR, span.error))
        told.end(span.ended * MILLISECOND)


def _digest(text: str, size: int) -> int:
    """An id of so many bytes, which is never 0."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size]) or 1
