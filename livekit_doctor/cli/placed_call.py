"""livekit-doctor test-call."""

import re
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor import lazy_re
from livekit_doctor.cli import options, outputs, started
from livekit_doctor.cli.exits import Exit, exit_status_of_trace
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption
from livekit_doctor.errors import UserError

if TYPE_CHECKING:
    from livekit_doctor.diagnosis.result import Diagnosis
    from livekit_doctor.operations.placed_call import Prepared

MOST_RINGING = 75
"""Seconds. livekit-server 1.13.5 itself gives up waiting for the answer after 80 s."""

BESIDES = 60.0
"""Seconds that all else may take than ringing and holding the line, unless --timeout says otherwise."""

_E164 = lazy_re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_SIP_USER = lazy_re.compile(r"[0-9A-Za-z\-.!%*_+`'~]{1,128}")
"""What livekit-sip v1.11.0 takes for a user (pkg/sip/client.go, isSIPUserToken)."""


def place_call(
    number: Annotated[
        str,
        typer.Argument(metavar="NUMBER", help="The phone to ring: +15555550123, or sip:USER for a user of the trunk."),
    ],
    trunk: Annotated[
        str | None,
        typer.Option(
            "--trunk",
            help="The outbound trunk to dial through; default: the configured one, else the only one.",
            metavar="ST_...",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Dial without asking.")] = False,
    no_agent: Annotated[bool, typer.Option("--no-agent", help="Test the phone leg alone: dispatch no agent.")] = False,
    ringing_timeout: Annotated[
        float,
        typer.Option("--ringing-timeout", min=1, max=MOST_RINGING, help="How long it may ring.", metavar="SECONDS"),
    ] = 30,
    hold: Annotated[
        float,
        typer.Option(
            "--hold",
            "--max-duration",
            min=0,
            max=600,
            help="How long to hold the line after the answer.",
            metavar="SECONDS",
        ),
    ] = 10,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0.1,
            help="How long all of it may take, hanging up and removing included; default: 60 more than "
            "--ringing-timeout and --hold.",
            metavar="SECONDS",
        ),
    ] = None,
    agent_name: options.AgentOption = None,
    url: options.UrlOption = None,
    config: options.ConfigOption = None,
    read_only: options.RefusedReadOnlyOption = False,
    show_numbers: options.ShowNumbersOption = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """Places one real outbound call, follows both legs, hangs up, and says where it broke.

    It rings a phone and runs your agent's code, in a room of its own that is removed again. Asks
    before it dials, unless --yes.

    Exit status: 0 healthy, 1 broken, 2 wrong usage, configuration or credentials, or not confirmed,
    3 undecided for want of evidence.
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    dialled = callee(number)
    if read_only:
        raise UserError("LKD001", "--read-only and a test call exclude each other: it rings a phone", "leave one out")
    if not yes and not (sys.stdin and sys.stdin.isatty()):
        raise UserError(
            "LKD001",
            "nothing was dialled: there is no terminal to ask on whether to",
            f"livekit-doctor test-call {number} --yes",
        )
    loaded = options.load(config, url=url, agent_name=agent_name)
    settings = loaded.settings

    from livekit_doctor.experiments.placed_call import Order
    from livekit_doctor.operations import placed_call as operation
    from livekit_doctor.render.masking import mask_of
    from livekit_doctor.render.report import PlacedCallReport, TraceReport

    options.require_credentials(settings.livekit)
    agent = None if no_agent else operation.agent_to_dispatch(settings)
    within = timeout if timeout is not None else BESIDES + ringing_timeout + hold
    within = max(0.1, within - started.gone())
    with outputs.opened(output_format, output, screen) as printed:
        with screen:
            began = time.monotonic()
            prepared = options.run(operation.prepare(settings, trunk, screen.progress, within), screen.progress)
            within -= time.monotonic() - began
        if not yes:
            _ask(number, prepared, agent)
        order = Order(dialled, prepared.trunk_id, agent, settings.probe.metadata or "", ringing_timeout, hold)
        with screen:
            ends = time.monotonic() + within
            work = operation.place(settings, order, prepared.evidence, screen.progress, ends)
            called = options.run(work, screen.progress)
        return printed.write(
            PlacedCallReport(
                trace=TraceReport(
                    diagnosis=called.diagnosis,
                    mask=mask_of(called.evidence, show=show_numbers, numbers=(dialled,)),
                    values=options.fix_values(loaded),
                    server=settings.livekit.url,
                    exit_status=exit_status(called.diagnosis),
                    at=called.evidence.now,
                ),
                number=dialled,
                trunk_id=prepared.trunk_id,
                trunk=prepared.trunk,
                agent_name=agent,
                answer=called.answer,
                left_behind=called.left_behind,
            )
        )


def callee(number: str) -> str:
    """What to dial; raises UserError for what is neither a number nor a SIP user."""
    wanted = number.strip()
    if wanted.startswith(("sip:", "sips:")):
        user = wanted.partition(":")[2]
        if _SIP_USER.fullmatch(user):
            return user
        if "@" in user:
            raise _not_a_number(number, "the host comes from the trunk", f"sip:{user.partition('@')[0]}")
        raise _not_a_number(number, "that is no SIP user", "sip:USER")
    if _E164.fullmatch(wanted):
        return wanted
    digits = re.sub(r"[\s().\-/]", "", wanted)
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    if _E164.fullmatch(digits):
        raise _not_a_number(number, "it is not written as + and digits", digits)
    raise _not_a_number(number, "it is not + and country code and number, 8 to 15 digits", "+15555550123, or sip:USER")


def _not_a_number(number: str, why: str, better: str) -> UserError:
    return UserError("LKD001", f'"{number}" can\'t be dialled: {why}', f"livekit-doctor test-call {better}")


def _ask(number: str, prepared: "Prepared", agent: str | None) -> None:
    """Says what will be dialled, and through which trunk; raises UserError unless the answer is yes."""
    trunk = prepared.trunk
    through = (
        f'{trunk.id} ("{trunk.name}", {trunk.address})' if trunk else f"{prepared.trunk_id} (not in the list of trunks)"
    )
    who = "no agent" if agent is None else f'agent "{agent}"' if agent else "the unnamed agent"
    from livekit_doctor.redact import printable

    print(printable(f"This rings {number} through trunk {through}, with {who} in the room."), file=sys.stderr)
    if not typer.confirm("Dial?", err=True):
        raise UserError("LKD001", "not confirmed: nothing was dialled", f"livekit-doctor test-call {number} --yes")


def exit_status(diagnosis: "Diagnosis") -> Exit:
    """As trace's; 2 where LiveKit refused the credentials for dialling, and 3 where something was
    still on its way when the call was ended."""
    from livekit_doctor.flow import Verdict

    if any(item.code in ("LKD002", "LKD004") for item in diagnosis.broken):
        return Exit.USAGE
    return Exit.UNDECIDED if diagnosis.verdict is Verdict.IN_PROGRESS else exit_status_of_trace(diagnosis)
