"""livekit-doctor explain."""

from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor.cli import options, outputs
from livekit_doctor.cli.exits import Exit
from livekit_doctor.cli.screen import Screen

if TYPE_CHECKING:
    from livekit_doctor.catalogue.lookup import Topic


def explain(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="Codes (LKD401, 401), names (agent-not-dispatched) or SIP statuses (486, sip-404).",
            metavar="CODE",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The pages of all diagnosis codes.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="All diagnosis codes with their titles.")] = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    debug: options.DebugOption = False,
) -> int:
    """What a diagnosis code or a SIP status means, how it is concluded, and what to type.

    Without anything it lists the codes. A number that is both, such as 404, is taken for the code
    (LKD404); sip-404 is the SIP status. Nothing is read but the catalogue: no network, no configuration.

    Exit status: 0 explained, 2 there is no such code, or wrong usage.
    """
    from livekit_doctor import catalogue
    from livekit_doctor.errors import UserError

    if bool(words) + everything + listed > 1:
        raise UserError("LKD001", "give codes, or --all, or --list", "livekit-doctor explain --help", Exit.USAGE)
    if everything:
        words = list(catalogue.codes())
    topics = _looked_up(words or [])
    with outputs.opened(output_format, output, Screen()) as printed:
        from livekit_doctor.render.report import ExplainReport

        return printed.write(ExplainReport(topics, tuple(map(catalogue.get, () if topics else catalogue.codes()))))


def _looked_up(words: list[str]) -> "tuple[Topic, ...]":
    """Each page once; raises UserError for all words that mean nothing."""
    from contextlib import suppress

    from livekit_doctor.catalogue.lookup import Topic, UnknownTopicError, look_up
    from livekit_doctor.errors import UserError

    with suppress(UnknownTopicError):  # Busy Here, SIP 486
        return (look_up(" ".join(words)),)
    topics: dict[object, Topic] = {}
    unknown = []
    for word in filter(None, ",".join(words).split(",")):
        try:
            topic = look_up(word)
            topics.setdefault(topic.page, topic)
        except UnknownTopicError as error:
            unknown.append(error)
    if not unknown:
        return tuple(topics.values())
    lines = []
    for one in unknown:
        meant = ", ".join(f"{word} {name}" for word, name in one.nearest)
        lines.append(one.message + (f"; did you mean {meant}?" if meant else ""))
    nearest = [one.nearest[0][0] for one in unknown if one.nearest]
    fix = f"livekit-doctor explain {' '.join(nearest) or '--list'}"
    raise UserError("LKD001", "\n".join(lines), fix, Exit.USAGE)
