"""`serve --otel`: spans of what instances do, sent to a collector as OpenTelemetry's own variables say.

Nothing of it is loaded before it is asked for. Below: `runtime.spans`. Above: `drive`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from statewf.errors import StatewfError

if TYPE_CHECKING:
    from statewf.runtime.spans import Spans

SERVICE = "OTEL_SERVICE_NAME"


@contextmanager
def traced(*, wanted: bool) -> Iterator[Spans | None]:
    """Spans for as long as a block lasts, if they are wanted. Raises StatewfError without the libraries."""
    if not wanted:
        yield None
        return
    import os

    os.environ.setdefault(SERVICE, "statewf")  # else everything is of an unknown service
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from statewf.runtime.spans import Spans
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise StatewfError("spans need a library: pip install 'statewf[otel]'") from None
    spans = Spans(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield spans
    finally:
        spans.close()
