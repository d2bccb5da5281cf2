"""Metric families, and their text in Prometheus' exposition format 0.0.4 (the library's own writer).

They go through a registry of their own: nothing of this process or of another library gets in. A set of
states is a series for each state, 1 for the one that holds and 0 for the others, as OpenMetrics has it, so
that what is alerted on (`... == 1`) never goes missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from livekit_doctor.redact import printable, redact_text

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "livekit_doctor_"
SHOWN = 200
"""A label's text is cut off after so many characters."""


def text(families: Iterable[Metric]) -> str:
    """The exposition of these families, each with its HELP and TYPE; those without a sample are left out."""
    registry = CollectorRegistry()
    registry.register(_Families([family for family in families if family.samples]))
    return generate_latest(registry).decode()


def label(value: str) -> str:
    """Text that may stand in a label: one line, no secret, not without end."""
    return printable(redact_text(value))[:SHOWN]


def gauge(
    name: str, help: str, samples: Iterable[tuple[Mapping[str, str], float]], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    """A gauge with a series for each of `samples`; `labels` are the names of theirs, in order."""
    family = GaugeMetricFamily(PREFIX + name, help, labels=labels)
    for values, value in samples:
        family.add_metric([label(values[key]) for key in labels], value)
    return family


def state_set(
    name: str, help: str, states: Sequence[str], holding: Iterable[tuple[Mapping[str, str], str]], key: str = "status"
) -> GaugeMetricFamily:
    """For each of `holding`, labels and the state that holds, a series a state under the label `key`."""
    rows = tuple(holding)
    labels = (*(rows[0][0] if rows else ()), key)
    samples = (({**values, key: state}, float(state == held)) for values, held in rows for state in states)
    return gauge(name, help, samples, labels)


class _Families:
    """A collector of what is ready."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
