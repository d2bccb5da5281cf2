"""What all reports have in common: what they show, and how a fix is filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import force_setattr

from livekit_doctor.catalogue import Fix
from livekit_doctor.known_secrets import cleaned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livekit_doctor.render.masking import Mask
    from livekit_doctor.settings import Settings


QUOTED = ("LKD404", "LKD405", "LKD411")
"""Codes whose fix quotes what a server or an agent said; there is nothing in it to be typed."""


TRACE = Fix(
    say="Trace this call first: that reads more of it than check does, and may be surer",
    shell="livekit-doctor trace --room {{room}}",
)


def fix_values_of(settings: Settings, config_file: str) -> dict[str, str]:
    """What the configuration has to fill into a fix; `config_file` is what fixes call it."""
    values = {
        "agent_name": settings.agent.name,
        "url": settings.livekit.url,
        "schema": settings.call_logs.schema,
        "table": settings.call_logs.table,
        "column": settings.call_logs.columns.call_id,
        "config_file": config_file,
    }
    return {key: value for key, value in values.items() if value}


def told(code: str, values: Mapping[str, str], mask: Mask) -> Mapping[str, str]:
    """The values for a fix. Numbers in it are to be typed, and whole, but for those in a quotation."""
    if code not in QUOTED or "detail" not in values:
        return values
    return {**values, "detail": mask(values["detail"])}


class Shown(Struct, frozen=True):
    """No secret that is known is in any text of a report, whatever the text is for."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            before = getattr(self, name)
            after = cleaned(before)
            if after is not before:
                force_setattr(self, name, after)

    def _show(self, mask: Mask, *names: str) -> None:
        """What was read becomes what is shown of it (see `shown`)."""
        from livekit_doctor.render.shown import shown

        for name in names:
            force_setattr(self, name, shown(getattr(self, name), mask))
