"""What `triage` has found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from livekit_doctor import catalogue
from livekit_doctor.render.report.shared import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livekit_doctor.render.masking import Mask
    from livekit_doctor.triage.result import Group, Triage


class TriageReport(Shown, frozen=True):
    """Many calls by what became of them. `shown` is how many groups and values a person is shown; `values` are the
    configuration's for the placeholders of a fix."""

    kind: ClassVar = "triage"
    triage: Triage
    mask: Mask
    values: Mapping[str, str]
    exit_status: int
    shown: int = 12
    command: str = "livekit-doctor triage"
    """The command with what it was given, to be typed again with more."""
    trace_options: str | None = ""
    """What `trace` must be given besides, to read the same; None where it can't."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._show(self.mask, "triage")

    def fix_of(self, group: Group) -> str:
        """The fix of a group's code: what is to be typed of one call has a place for it."""
        call_id = next(iter(group.call_ids), "CALL_ID")
        code = catalogue.get(group.code or "")
        return catalogue.render_fix(code, {"call_id": call_id, **self.values})
