"""Continues the trace of a submission in its runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixel_runtime.ids import format_id
from pixel_telemetry import bind, extracted, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixel_generation.domain.jobs.job import Job


class TelemetryTracing:
    """Continues a trace over the job table."""

    @contextmanager
    def running(self, job: Job) -> Iterator[None]:
        job_id = format_id("gen", job.id)
        with extracted(job.trace), bind(job_id=job_id), span("run generation", "consumer", job_id=job_id):
            yield
