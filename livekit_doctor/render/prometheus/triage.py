"""The metrics of many calls. Labels are codes, verdicts and steps; call ids and values of keys are in none."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from livekit_doctor.render.prometheus.exposition import gauge
from livekit_doctor.triage.result import Triage


def families_of(triage: Triage) -> Iterator[Metric]:
    seconds = (triage.until - triage.since).total_seconds()
    yield gauge("triage_window_seconds", "How long the window is.", [({}, seconds)])
    yield gauge("triage_calls", "How many calls began in the window.", [({}, triage.calls)])
    yield gauge(
        "triage_group_calls",
        "Calls of the window by what became of them.",
        [
            (
                {
                    "verdict": group.verdict.value,
                    "code": group.code or "",
                    "step": group.step.value if group.step else "",
                    "sip_status": str(group.sip_status or ""),
                },
                group.calls,
            )
            for group in triage.groups
        ],
        ("verdict", "code", "step", "sip_status"),
    )
    yield gauge(
        "triage_reached_calls",
        "Calls of the window that came as far as a step.",
        [({"step": rung.step.value}, rung.calls) for rung in triage.ladder],
        ("step",),
    )
    yield gauge(
        "triage_step_seconds",
        "How long a step took, read off counts below fixed edges.",
        [
            ({"step": rung.step.value, "quantile": quantile}, value)
            for rung in triage.ladder
            for quantile, value in (("0.5", rung.p50), ("0.95", rung.p95))
            if value is not None
        ],
        ("step", "quantile"),
    )
