"""Prometheus metrics, summed over all web processes.

Owns the counters and the page. Names follow Prometheus's conventions; no label has more than a few values, so no site,
author or address ever becomes one. Queue depths are read from the store when the page is asked for.
"""

from __future__ import annotations

import contextlib
import os
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from moderation.core.errors import WinnowError
from moderation.service.services import Services

MULTIPROCESS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)  # Seconds.


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._submitted: dict[str, Counter] = {}
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "winnow_http_requests_total", "Answered requests.", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "winnow_http_request_duration_seconds",
            "Time to answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._verdicts = Counter(
            "winnow_comments_total", "Submitted comments by verdict.", ("verdict",), registry=self.registry
        )
        self._decisions = Counter(
            "winnow_decisions_total", "Decisions by people.", ("decision",), registry=self.registry
        )

    def answered(self, route: str, status: int, started: float) -> None:
        """Count an answer; ``started`` is of ``time.perf_counter``."""
        pair = self._children.get((route, status))
        if pair is None:  # Looking a child up by its labels costs more than counting.
            pair = self._children[route, status] = (
                self._requests.labels(route, str(status)),
                self._seconds.labels(route),
            )
        count, seconds = pair
        count.inc()
        seconds.observe(time.perf_counter() - started)

    def submitted(self, action: str) -> None:
        """Count a submission by its verdict."""
        child = self._submitted.get(action)
        if child is None:
            child = self._submitted[action] = self._verdicts.labels(action)
        child.inc()

    def decided(self, ruling: str) -> None:
        """Count a decision."""
        self._decisions.labels(ruling).inc()

    def page(self, services: Services) -> tuple[bytes, str]:
        """Return the text of all processes' metrics, and its content type."""
        registry = self.registry
        if os.environ.get(MULTIPROCESS_DIRECTORY):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(_store_registry(services)), CONTENT_TYPE_LATEST


def _store_registry(services: Services) -> CollectorRegistry:
    """Return gauges of what the store and the scorer say now; a scrape tells what it can while one of them is away."""
    registry = CollectorRegistry()
    for fill in (_model_gauges, _queue_gauges, _webhook_gauges):
        with contextlib.suppress(WinnowError):  # A missing gauge says it; the counters are most wanted just then.
            fill(services, registry)
    return registry


def _model_gauges(services: Services, registry: CollectorRegistry) -> None:
    version = services.scorer.model.version
    Gauge("winnow_model_info", "The model in use.", ("version",), registry=registry).labels(version).set(1)


def _queue_gauges(services: Services, registry: CollectorRegistry) -> None:
    up = Gauge("winnow_store_up", "Whether the store answers.", registry=registry)
    names = services.sites.names()
    items = sum(services.queue.count(name) for name in names)
    oldest = [at for name in names if (at := services.queue.oldest_ms(name)) is not None]
    up.set(1)
    Gauge("winnow_queue_items", "Comments that wait for a person.", registry=registry).set(items)
    Gauge("winnow_queue_oldest_timestamp_seconds", "Arrival of the longest-waiting one.", registry=registry).set(
        min(oldest, default=0) / 1000
    )


def _webhook_gauges(services: Services, registry: CollectorRegistry) -> None:
    backlogs = [services.outbox.backlog(name) for name in services.sites.names()]
    waiting = Gauge("winnow_webhooks_waiting", "Webhook messages that were not delivered yet.", registry=registry)
    waiting.set(sum(backlog.waiting for backlog in backlogs))
    overdue = Gauge("winnow_webhooks_overdue", "Those of them that could go out now.", registry=registry)
    overdue.set(sum(backlog.overdue for backlog in backlogs))
    beat = services.outbox.last_beat()
    if beat is not None:
        Gauge("winnow_worker_last_beat_timestamp_seconds", "The worker's last sign of life.", registry=registry).set(
            beat.timestamp()
        )
