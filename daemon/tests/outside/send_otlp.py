"""Metrics and logs as OpenTelemetry's own SDK sends them; ends with an error when any of it is not taken.

Arguments: a protocol (grpc or http), the endpoint of it, whether to compress (gzip or none), and a token or "".
"""

import logging
import sys
import time

import grpc
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

protocol, endpoint, compression, token = sys.argv[1:]
headers = {"authorization": f"Bearer {token}"} if token else {}
resource = Resource.create({"service.name": "checkout", "service.instance.id": protocol, "replicas": [1, 2]})


class Refused(logging.Handler):
    """Exporters log what was not taken, and do not say so otherwise."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


refused = Refused()
logging.getLogger("opentelemetry").addHandler(refused)


def metrics_exporter(**options):
    if protocol == "grpc":
        zip_by = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
        return GrpcMetrics(endpoint=endpoint, insecure=True, headers=headers, compression=zip_by, **options)
    zip_by = HttpCompression.Gzip if compression == "gzip" else HttpCompression.NoCompression
    return HttpMetrics(endpoint=f"{endpoint}/v1/metrics", headers=headers, compression=zip_by, **options)


def logs_exporter():
    if protocol == "grpc":
        return GrpcLogs(endpoint=endpoint, insecure=True, headers=headers)
    return HttpLogs(endpoint=f"{endpoint}/v1/logs", headers=headers)


def meter_of(name, **options):
    # Nothing is sent but by force_flush.
    reader = PeriodicExportingMetricReader(metrics_exporter(**options), export_interval_millis=float("inf"))
    views = [View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())]
    provider = MeterProvider([reader], resource=resource, views=views, shutdown_on_exit=False)
    return provider, provider.get_meter(name, "1.0")


def flush(provider):
    if not provider.force_flush():
        sys.exit(f"not flushed: {refused.said}")


cumulative, meter = meter_of("cumulative")
requests = meter.create_counter("http.requests", unit="1")
depth = meter.create_up_down_counter("queue.depth")
temperature = meter.create_gauge("room.temperature")
duration = meter.create_histogram("http.duration", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0])
exponential = meter.create_histogram("exponential")
for _ in range(2):
    requests.add(3, {"http.route": "/cart", "http.status": 200})
    depth.add(-2)
    temperature.set(21.5, {"room": "a"})
    for value in (0.05, 0.5, 5.0):
        duration.record(value)
        exponential.record(value)
    flush(cumulative)

temporality = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
delta, meter = meter_of("delta", preferred_temporality=temporality)
requests = meter.create_counter("delta.requests")
duration = meter.create_histogram("delta.duration", explicit_bucket_boundaries_advisory=[1.0])
for added in (3, 4, 5):
    requests.add(added)
    duration.record(0.5)
    flush(delta)

logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
logs.add_log_record_processor(BatchLogRecordProcessor(logs_exporter()))
logger = logs.get_logger("shop", "2.0")
# A clock that ticks once a second.
now = int(time.time()) * 1_000_000_000
for number in range(3):
    logger.emit(
        timestamp=now,
        severity_number=SeverityNumber.ERROR,
        severity_text="ERROR",
        body=f"payment {number} failed",
        attributes={"order": number, "tags": ["a", "b"]},
    )
flush(logs)

for provider in (cumulative, delta, logs):
    provider.shutdown()
if refused.said:
    sys.exit("\n".join(refused.said))
