"""A bundle: what was read of a call and what the diagnosis needs besides, in one file.

`trace --save` makes one and `trace --bundle` diagnoses it again: the same code, the same verdict,
without network, configuration or credentials (design section 4).
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor import __version__
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import Coverage, Evidence, Observation
from livekit_doctor.known_secrets import REMOVED, shown_url
from livekit_doctor.settings import Settings

SCHEMA = "livekit-doctor/bundle/v1"

Numbers = Literal["masked", "shown"]


class Bundle(Struct, frozen=True, kw_only=True):
    """Everything `diagnose` and the printing of its answer need. Times are UTC."""

    version: str
    """Of the tool that saved it."""
    created_at: datetime
    numbers: Numbers
    """Whether phone numbers were masked when it was saved."""
    subject: Subject
    config_file: str
    """What fixes call the configuration."""
    settings: Settings
    now: datetime
    coverage: tuple[Coverage, ...]
    observations: tuple[Observation, ...]

    @property
    def evidence(self) -> Evidence:
        return Evidence(now=self.now, observations=self.observations, coverage=self.coverage)


def bundle_of(
    evidence: Evidence, settings: Settings, subject: Subject, *, config_file: str, numbers: Numbers = "masked"
) -> Bundle:
    """The bundle of a call, as it was when the gathering ended. Encoding it redacts it."""
    return Bundle(
        version=__version__,
        created_at=evidence.now,
        numbers=numbers,
        subject=subject,
        config_file=config_file,
        settings=_needed(settings),
        now=evidence.now,
        coverage=evidence.coverage,
        observations=evidence.observations,
    )


def _needed(settings: Settings) -> Settings:
    """What the diagnosis goes by. Of secrets only whether they are set is kept; how sources were
    read, and what only `check` uses, is left out."""
    livekit, logs = settings.livekit, settings.call_logs
    return Settings(
        livekit=replace(
            livekit,
            url=livekit.url and shown_url(livekit.url),
            api_key=livekit.api_key and REMOVED,
            api_secret=livekit.api_secret and REMOVED,
        ),
        agent=settings.agent,
        workers=tuple(replace(worker, url=shown_url(worker.url)) for worker in settings.workers),
        flow=settings.flow,
        call_logs=replace(logs, dsn=logs.dsn and REMOVED, file=None),
        rooms=settings.rooms,
        sip=settings.sip,
    )
