"""What `explain` tells of codes, and what went wrong instead of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from livekit_doctor.catalogue import Entry
from livekit_doctor.render.report.shared import Shown

if TYPE_CHECKING:
    from livekit_doctor.catalogue.lookup import Topic


class ExplainReport(Shown, frozen=True):
    """The pages that were asked for, in that order, or the codes that were listed."""

    kind: ClassVar = "explain"
    topics: tuple[Topic, ...] = ()
    listed: tuple[Entry, ...] = ()
    exit_status: int = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The codes in it, with or without their pages."""
        pages = (topic.page for topic in self.topics)
        return (*(page for page in pages if isinstance(page, Entry)), *self.listed)


class ErrorReport(Shown, frozen=True):
    """Why a command came to no result. `command` is as typed, such as test-call; empty where it is not known.
    `code` is None for what is no diagnosis: an interrupt, an internal error."""

    kind: ClassVar = "error"
    command: str
    code: str | None
    message: str
    fix: str
    exit_status: int
