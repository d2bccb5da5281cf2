"""A lab worker's OpenTelemetry spans in files, by the SDK's own exporters: OTLP as JSON, and the console's form."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from livekit.agents.telemetry import set_tracer_provider
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor, SpanExporter, SpanExportResult

from tests.lab.modes import CONSOLE, OTLP, SPANS_VARIABLE


class OtlpFile(SpanExporter):
    """A request of OTLP a line, as the collector's file exporter writes them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._path.open("a") as file:
            file.write(json.dumps(MessageToDict(encode_spans(spans))) + "\n")
        return SpanExportResult.SUCCESS


def export_where_asked() -> None:
    """Exports the spans of this process, if the environment names a folder for them."""
    name = os.environ.get(SPANS_VARIABLE)
    if not name:
        return
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OtlpFile(Path(name) / OTLP)))
    console = (Path(name) / CONSOLE).open("a", buffering=1)
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=console)))
    set_tracer_provider(provider)
