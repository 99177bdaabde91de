"""`serve --otel`: a real process, and a collector that really listens."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.cli.support import Cli
from tests.cli.test_serve_http import serving

Write = Callable[[str], str]


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Where spans may be sent, and what came there."""
    found: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            found.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", found
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_come_to_a_collector(
    cli: Cli,
    handlers: Write,
    collector: tuple[str, list[ExportTraceServiceRequest]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, found = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    door = cli("start", "door.yaml", "--json").json["instance"]
    with serving(handlers(""), "--otel") as service, httpx.Client(base_url=service) as http:
        assert http.post(f"/api/instances/{door}/events", json={"event": "OPEN"}).status_code == 201
        assert http.post(f"/api/instances/{door}/cancel", json={}).status_code == 201
    told = [one for request in found for resource in request.resource_spans for one in resource.scope_spans]
    names = [span.name for scope in told for span in scope.spans]
    assert names == ["closed", "open", "$cancelled", "door"]
    (service_name,) = {
        attribute.value.string_value
        for request in found
        for resource in request.resource_spans
        for attribute in resource.resource.attributes
        if attribute.key == "service.name"
    }
    assert service_name == "statewf"
