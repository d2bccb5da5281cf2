"""The Prometheus exposition of each result, read back by the library's own parser."""

import math
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from msgspec.structs import replace
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from syrupy.assertion import SnapshotAssertion

from livekit_doctor import __version__, catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.evidence.observations import Coverage
from livekit_doctor.render.prometheus import render
from livekit_doctor.render.report import ErrorReport, ExplainReport
from tests.each import each
from tests.render import test_probe as probes
from tests.render.every_report import init_report
from tests.render.reports import CALLEE, TRACES, both_legs, broken, check_report, checked, diagnosis, trace_report
from tests.render.test_placed_call import report as placed_call

NOW = 1_900_000_000.5
LABELS = {
    "agent_name",
    "call_id",
    "canary",
    "category",
    "check",
    "code",
    "command",
    "confidence",
    "criterion",
    "direction",
    "le",
    "leg",
    "name",
    "outcome",
    "primary",
    "quantile",
    "room",
    "server",
    "severity",
    "sip_status",
    "status",
    "step",
    "title",
    "verdict",
    "version",
}
"""Every label there is. One with free text in it stands on an info series only."""
FREE = {"agent_name", "call_id", "name", "room", "server", "title", "version"}

EVERY_CODE = ExplainReport(listed=tuple(map(catalogue.get, catalogue.codes())))

EXPOSITIONS: dict[str, Callable[[], str]] = {
    "check": lambda: render(check_report(), NOW),
    **{f"trace {name}": lambda made=made: render(trace_report(made()), NOW) for name, made in TRACES.items()},  # type: ignore[misc]
    **{f"probe {name}": lambda made=made: render(made(), NOW) for name, made in probes.REPORTS.items()},  # type: ignore[misc]
    "test-call refused": lambda: render(placed_call("rejected-486-wait"), NOW),
    "test-call answered": lambda: render(placed_call("answered-wait"), NOW),
    "init": lambda: render(init_report(), NOW),
    "explain": lambda: render(ExplainReport((look_up("LKD402"), look_up("486"))), NOW),
    "error": lambda: render(ErrorReport("check", "LKD001", "checks.yaml:3: unknown key", "correct it", 2), NOW),
}


class Series(NamedTuple):
    name: str
    labels: frozenset[tuple[str, str]]


def parsed(text: str) -> dict[str, Metric]:
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "each family once"
    return {family.name.removeprefix("livekit_doctor_"): family for family in families}


def series(families: Iterable[Metric]) -> dict[Series, float]:
    samples = [sample for family in families for sample in family.samples]
    found = {Series(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "each series once"
    return found


def value(text: str, name: str, **labels: str) -> float | None:
    return series(parsed(text).values()).get(Series("livekit_doctor_" + name, frozenset(labels.items())))


@pytest.mark.parametrize("name", EXPOSITIONS)
def test_snapshot(name: str, snapshot: SnapshotAssertion) -> None:
    assert EXPOSITIONS[name]().replace(f'version="{__version__}"', 'version="X"') == snapshot


@each("name", EXPOSITIONS)
def test_conventions(name: str) -> None:
    """HELP and TYPE before each family, base units, known labels, finite values, a newline at the end."""
    text = EXPOSITIONS[name]()
    assert text.endswith("\n")
    families = parsed(text)
    for family in families.values():
        assert re.fullmatch(r"livekit_doctor_[a-z_]+", family.name)
        assert not re.search(r"_(ms|milliseconds|minutes|percent)\b", family.name)
        assert family.type in ("gauge", "histogram", "summary")
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert sample.labels.keys() <= LABELS
            assert not sample.labels.keys() & FREE or family.name.endswith("_info")
            assert math.isfinite(sample.value)
    assert series(families.values())
    assert text.count("# TYPE ") == text.count("# HELP ") == len(families)


@each("name", EXPOSITIONS)
def test_a_state_set_has_one_state(name: str) -> None:
    for family in parsed(EXPOSITIONS[name]()).values():
        state = "verdict" if family.name.endswith("_verdict") else "status"
        if not family.name.endswith(("_status", "_verdict")) or family.name.endswith(("http_status", "exit_status")):
            continue
        if family.name.endswith("sip_status"):
            continue
        sets: dict[frozenset[tuple[str, str]], list[float]] = {}
        for sample in family.samples:
            of = frozenset(item for item in sample.labels.items() if item[0] != state)
            sets.setdefault(of, []).append(sample.value)
        assert sets
        for values in sets.values():
            assert sorted(values) == [0.0] * (len(values) - 1) + [1.0]


def test_check() -> None:
    text = render(check_report(), NOW)
    trunk = {"check": "sip_trunks.outbound", "category": "sip_trunks"}
    assert value(text, "check_status", **trunk, status="failed") == 1
    assert value(text, "check_status", **trunk, status="passed") == 0
    assert value(text, "check_findings", **trunk, code="LKD202") == 1
    assert value(text, "check_duration_seconds", **trunk) == 0.0123
    assert value(text, "check_duration_seconds", check="worker.endpoint", category="worker") is None
    assert value(text, "exit_status", command="check") == 1
    assert value(text, "success", command="check") == 0
    assert value(text, "up", command="check") == 1
    assert value(text, "left_behind", command="check") == 1
    assert value(text, "last_run_timestamp_seconds", command="check") == NOW


def test_trace() -> None:
    text = render(trace_report(broken()), NOW)
    assert value(text, "call_verdict", command="trace", verdict="broken") == 1
    assert value(text, "call_verdict", command="trace", verdict="healthy") == 0
    step = {"command": "trace", "leg": "agent", "step": "agent_dispatched"}
    assert value(text, "call_step_status", **step, status="broken") == 1
    assert value(text, "call_broken", **step, code="LKD401", confidence="possible", primary="true") == 1
    assert value(text, "call_warnings", command="trace", code="LKD603") == 1
    assert value(text, "call_sources", command="trace", status="read") == 2
    assert [sample.labels["call_id"] for sample in parsed(text)["call_info"].samples] == ["call-5b1f"]


def test_of_two_breaks_one_is_primary() -> None:
    samples = parsed(render(trace_report(both_legs()), NOW))["call_broken"].samples
    assert [(s.labels["code"], s.labels["primary"]) for s in samples] == [("LKD401", "true"), ("LKD205", "false")]


def test_probe_of_dispatches() -> None:
    text = render(probes.dropped(), NOW)
    joined = probes.dropped().judged
    assert value(text, "probe_dispatches", outcome="joined") == 20
    assert value(text, "probe_dispatches", outcome="undecided") == 1
    assert value(text, "probe_join_ratio") == pytest.approx(20 / 23)
    assert joined.latency
    assert value(text, "probe_join_quantiles_seconds", quantile="0.95") == joined.latency.p95
    assert value(text, "probe_join_seconds_bucket", le="5") == 19
    assert value(text, "probe_join_seconds_bucket", le="+Inf") == 20
    assert value(text, "probe_join_seconds_count") == 20
    total = sum(trial.latency for trial in joined.trials if trial.latency is not None)
    assert value(text, "probe_join_seconds_sum") == pytest.approx(total)
    assert value(text, "probe_join_quantiles_seconds_sum") == pytest.approx(total)
    assert value(text, "probe_criterion_status", criterion="min_join_rate", status="failed") == 1
    assert value(text, "probe_endings", outcome="declined", code="LKD404") == 1


def test_what_was_not_measured_is_not_there() -> None:
    text = render(probes.down(), NOW)
    assert not {"probe_join_ratio", "probe_join_quantiles_seconds"} & parsed(text).keys()
    assert value(text, "probe_join_seconds_count") == 0


def test_test_call() -> None:
    text = render(placed_call("rejected-486-wait"), NOW)
    assert value(text, "test_call_sip_status") == 486
    assert value(text, "test_call_http_status") == 429
    assert value(text, "call_verdict", command="test-call", verdict="broken") == 1
    assert value(render(placed_call("answered-wait"), NOW), "test_call_sip_status") is None


def test_init_has_the_checks() -> None:
    report = init_report()
    checked = check_report()
    text = render(replace(report, check=checked), NOW)
    families = parsed(render(checked, NOW))
    assert {name for name in parsed(text) if name.startswith("check_")} == {
        n for n in families if n.startswith("check_")
    }
    assert value(text, "exit_status", command="init") == 1
    alone = parsed(render(report, NOW))
    assert not [name for name in alone if name.startswith("check_")]
    assert value(render(report, NOW), "success", command="init") == 1


def test_explain() -> None:
    """A series a code, to join with those that have a code as a label."""
    text = render(EVERY_CODE, NOW)
    codes = parsed(text)["code_info"].samples
    assert [sample.labels["code"] for sample in codes] == list(catalogue.codes())
    assert {sample.value for sample in codes} == {1}
    (one,) = (sample.labels for sample in codes if sample.labels["code"] == "LKD402")
    assert (one["name"], one["step"], one["severity"]) == ("no-worker-took-job", "job_assigned", "error")
    told = parsed(render(ExplainReport((look_up("486"),)), NOW))
    assert "code_info" not in told
    (status,) = told["sip_status_info"].samples
    assert status.labels == {"sip_status": "486", "name": "Busy Here", "code": "LKD204"}


def test_error() -> None:
    text = render(ErrorReport("trace", "LKD004", "rejected: api_secret=hunter2hunter2", "set it\nthen again", 2), NOW)
    assert text.splitlines()[:3] == ["# error: rejected: api_secret=***", "# fix: set it", "# fix: then again"]
    assert value(text, "up", command="trace") == 0
    assert value(text, "success", command="trace") == 0
    assert value(text, "exit_status", command="trace") == 2
    assert value(text, "error", command="trace", code="LKD004") == 1


def test_an_error_without_a_code() -> None:
    text = render(ErrorReport("check", None, "interrupted", "", 130), NOW)
    assert value(text, "error", command="check", code="none") == 1
    assert value(text, "exit_status", command="check") == 130


def test_no_phone_number_and_no_message_gets_in() -> None:
    for text in (render(check_report()), render(placed_call("rejected-486-wait"))):
        assert CALLEE not in text
        assert "Busy" not in text


def test_sources_with_names_of_files_are_only_counted() -> None:
    """A series a file would be without bound."""
    coverage = tuple(Coverage(source=f"worker_log {number}.log", status="read") for number in range(50))
    report = trace_report(structs.replace(broken(), coverage=coverage))
    text = render(report, NOW)
    assert value(text, "call_sources", command="trace", status="read") == 50
    assert ".log" not in text


HOSTILE = st.text(
    st.one_of(st.sampled_from('"\\\n\r\t{}=,# \x00\x1b\u2028\ud800'), st.characters()), max_size=60
) | st.sampled_from(
    ['"} 1\nlivekit_doctor_up 7', "\\", "\\n", '\\"', "# TYPE x counter\n", "a\rb", "\ud800", "é" * 500]
)


@settings(deadline=None)
@given(call_id=HOSTILE, message=HOSTILE)
def test_hostile_text_stays_in_its_label(call_id: str, message: str) -> None:
    verdict = broken().verdict
    text = render(trace_report(diagnosis(verdict, broken().steps, call_id=call_id)), NOW)
    expected = render(trace_report(diagnosis(verdict, broken().steps)), NOW)
    assert [family.name for family in parsed(text).values()] == [family.name for family in parsed(expected).values()]
    assert len(series(parsed(text).values())) == len(series(parsed(expected).values()))
    (info,) = parsed(text)["call_info"].samples
    assert info.labels["call_id"].isprintable()

    failed = parsed(render(ErrorReport("check", "LKD001", message, message, 2), NOW))
    assert failed.keys() == parsed(EXPOSITIONS["error"]()).keys()


def test_hostile_ids_of_checks() -> None:
    """They are ours, but a result's text is escaped wherever it stands."""
    hostile = checked('a"\\.b{c="d"}', "passed", 'x"\n# HELP y z')
    (sample, *_) = parsed(render(check_report(hostile), NOW))["check_status"].samples
    assert sample.labels["check"] == 'a"\\.b{c="d"}'
