"""Prometheus metrics, served at /metrics by `runtime`. Names begin with `ram_operator_`.

The collectors register with prometheus-client's process-wide registry, as that library means them to.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# Else each counter and histogram has a second family, of when it was made, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

RECONCILES = Counter(
    "ram_operator_reconciles",
    "Reconciles, by kind and the reason of the Ready condition.",
    ["kind", "reason"],
)
RECONCILE_SECONDS = Histogram("ram_operator_reconcile_seconds", "How long a reconcile took.", ["kind"])
QUEUE_DEPTH = Gauge(
    "ram_operator_queue_depth", "Keys in the work queue by lane, those with a delay included.", ["lane"]
)
QUEUE_SECONDS = Histogram("ram_operator_queue_seconds", "How long keys waited for a worker, by lane.", ["lane"])
CLOUD_CALLS = Counter("ram_operator_cloud_calls", "Calls to cloud APIs, by API and error code.", ["api", "code"])
CLOUD_WAIT = Counter(
    "ram_operator_cloud_wait_seconds", "Seconds that calls waited for the rate limiter, by API.", ["api"]
)
CLOUD_SECONDS = Histogram("ram_operator_cloud_call_seconds", "How long a cloud call took.", ["api"])
SWEEPS = Counter("ram_operator_sweeps", "Drift sweeps, by kind and result.", ["kind", "result"])
NOMINATED = Counter("ram_operator_nominated", "Objects that a sweep queued.", ["kind"])
OBJECTS = Gauge(
    "ram_operator_objects",
    "Objects, by kind, and by status and reason of the Ready condition; both are empty before the first reconcile.",
    ["kind", "ready", "reason"],
)
INSTANCES = Gauge("ram_operator_instances", "Instances of all bindings, by state.", ["state"])
DRIFT_REPAIRS = Counter(
    "ram_operator_drift_repairs", "Writes to the cloud that took back a change of somebody else, by kind.", ["kind"]
)
EDIT_SECONDS = Histogram(
    "ram_operator_edit_seconds",
    "How long after the operator saw a new object or an edit it was Ready.",
    ["kind"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
ORPHANS = Gauge(
    "ram_operator_orphans",
    "Roles and policies in RAM with this cluster's marks and without an object, retained ones included, by kind.",
    ["kind"],
)
LAST_EVENT = Gauge("ram_operator_last_event_timestamp_seconds", "When the last watch event came, by kind.", ["kind"])
LOOP_PAUSES = Histogram(
    "ram_operator_event_loop_pause_seconds",
    "How late the event loop came back to a task that waits for 20 ms: what keeps all other work waiting.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
LEADER = Gauge("ram_operator_leader", "1 while this process is the leader.")
BUILD = Gauge("ram_operator_build_info", "1, with the version as label.", ["version"])
ADMISSION_POLICIES_MISSING = Gauge(
    "ram_operator_admission_policies_missing",
    "Admission policies that are not installed, do not refuse or were changed.",
)
EVENTS_DROPPED = Counter("ram_operator_events_dropped", "Kubernetes events not written, by reason.", ["why"])


def observe_call(api: str, code: str, seconds: float) -> None:
    """Count one cloud call."""
    CLOUD_CALLS.labels(api, code).inc()
    CLOUD_SECONDS.labels(api).observe(seconds)


def observe_wait(api: str, seconds: float) -> None:
    """Count the time that one cloud call waited for the rate limiter."""
    CLOUD_WAIT.labels(api).inc(seconds)
