"""livekit-doctor trace."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from livekit_doctor import lazy_re
from livekit_doctor.cli import options, outputs, started
from livekit_doctor.cli.exits import Exit, exit_status_of_trace
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption

if TYPE_CHECKING:
    from livekit_doctor.diagnosis.result import Diagnosis
    from livekit_doctor.settings import Settings


def trace(
    call: Annotated[
        str | None,
        typer.Argument(
            metavar="[CALL_ID]",
            help="A call id of your logs or its beginning, the name of a room, or a LiveKit id (RM_, AD_, AJ_, SCL_, "
            "PA_, AW_). "
            "Without one: lists the recent calls, or the live rooms.",
        ),
    ] = None,
    room: Annotated[
        str | None, typer.Option("--room", help="The call's room; enough without a CALL_ID.", metavar="ROOM")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            "--wait", min=0, help="Follow the call so long, or until both legs are decided.", metavar="SECONDS"
        ),
    ] = 0,
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0.1, help="How long all else than --wait may take.", metavar="SECONDS"),
    ] = 60,
    call_logs: options.CallLogsOption = None,
    worker_log: options.WorkerLogOption = None,
    server_log: options.ServerLogOption = None,
    sip_log: options.SipLogOption = None,
    evidence: options.EvidenceOption = None,
    agent_name: options.AgentOption = None,
    url: options.UrlOption = None,
    config: options.ConfigOption = None,
    save: Annotated[
        str | None,
        typer.Option("--save", help="Save all that was read as a bundle (.gz compresses it).", metavar="FILE"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --save replace a file.")] = False,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", help="Diagnose a saved bundle (- for stdin); reads nothing else.", metavar="FILE"),
    ] = None,
    read_only: options.ReadOnlyOption = False,
    show_numbers: options.ShowNumbersOption = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """Names the step at which one call broke, with evidence and fix.

    It only reads, but for one case: where no worker took the job of a live call, a worker of the tool's own is
    dispatched into a scratch room, which is removed again. With --read-only, or for a bundle, not even that.

    Exit status: 0 healthy or in progress, 1 broken, 2 wrong usage, configuration, credentials,
    table or column, 3 undecided, or no fault seen, for want of evidence.
    """
    from livekit_doctor.cli import bundled

    logs = {"--worker-log": worker_log, "--server-log": server_log, "--sip-log": sip_log, "--evidence": evidence}
    read = [(option, name) for option, names in logs.items() for name in names or ()]
    file = str(config) if config else None
    files = [("--save", save), ("--bundle", bundle), ("--call-logs", call_logs), ("--config", file)]
    outputs.refuse_over([*files, *read], output)
    _refuse_empty({"CALL_ID": call, "--room": room})
    screen = Screen(quiet=quiet, verbose=verbose)
    if bundle is not None:
        bundled.refuse_beside_bundle(
            {
                "CALL_ID": call,
                "--room": room,
                "--wait": wait,
                "--call-logs": call_logs,
                "--worker-log": worker_log,
                "--server-log": server_log,
                "--sip-log": sip_log,
                "--evidence": evidence,
                "--agent-name": agent_name,
                "--url": url,
                "--config": config,
                "--save": save,
                "--force": force,
            }
        )
        with outputs.opened(output_format, output, screen) as printed:
            return printed.write(bundled.report_of(bundle, show_numbers=show_numbers))
    given = {"logs.worker": worker_log, "logs.server": server_log, "logs.sip": sip_log}
    further = {key: list(names) for key, names in given.items() if names}
    loaded = options.load(config, url=url, agent_name=agent_name, call_logs=call_logs, further=further)
    settings = loaded.settings
    if not evidence:
        from livekit_doctor.operations.inputs import require_a_source

        require_a_source(settings)
    _require_one_stdin(settings, evidence or ())
    is_named = call is not None or room is not None or bool(evidence)
    if not is_named and further and not (settings.call_logs.dsn or settings.call_logs.file):
        from livekit_doctor.cli.logged_call import only_room

        room = only_room(settings.logs)
    elif not is_named:
        from livekit_doctor.cli.recent import recent

        if save is not None:
            raise bundled.save_without_call()
        with outputs.opened(output_format, output, screen) as printed:
            typed = options.typed({"--call-logs": call_logs, "--config": config})
            return printed.write(recent(loaded, screen, timeout=timeout, show_numbers=show_numbers, typed=typed))

    from livekit_doctor.diagnosis.correlation import parse_subject
    from livekit_doctor.evidence.logs import require_readable, sources_of
    from livekit_doctor.operations.trace import Options
    from livekit_doctor.operations.trace import trace as run_trace
    from livekit_doctor.render.masking import mask_of, names_in
    from livekit_doctor.render.report import TraceReport

    subject = parse_subject(options.as_unicode(call), options.as_unicode(room))
    pasted = None
    if evidence:
        from livekit_doctor.cli.pasted import read_pasted, require_one_call

        pasted = read_pasted(evidence, settings, subject)
    how = Options(wait=wait, read_only=read_only, pasted=pasted, timeout=timeout, gone=started.gone())
    require_readable(sources_of(settings.logs))
    with (
        outputs.opened(output_format, output, screen) as printed,
        bundled.saving(save, force=force, show_numbers=show_numbers) as saved,
    ):
        with screen:
            traced = options.run(run_trace(settings, subject, how, screen.progress), screen.progress)
        if pasted is not None and traced.diagnosis.room is None:
            require_one_call(pasted, traced.subject)
        is_saved = saved(traced.evidence, settings, traced.subject, options.config_file(loaded))
        typed = options.typed({"--call-logs": None if call_logs == "-" else call_logs, "--config": config})
        return printed.write(
            TraceReport(
                diagnosis=_with_options(traced.diagnosis, typed),
                mask=mask_of(traced.evidence, show=show_numbers, names=names_in(traced.diagnosis)),
                values=options.fix_values(loaded),
                server=settings.livekit.url,
                exit_status=exit_status_of_trace(traced.diagnosis) if is_saved else Exit.USAGE,
                at=traced.evidence.now,
            )
        )


def _with_options(diagnosis: "Diagnosis", typed: str) -> "Diagnosis":
    """What is to be typed next, with the options without which it would not find this call again."""
    from msgspec.structs import replace

    def filled(text: str) -> str:
        return _COMMAND.sub(lambda found: found[0] + typed, text)

    return replace(diagnosis, would_settle=tuple(map(filled, diagnosis.would_settle))) if typed else diagnosis


_COMMAND = lazy_re.compile(r"livekit-doctor trace (--room )?('[^']*'|[^\s']+)")


def _refuse_empty(named: "dict[str, str | None]") -> None:
    """What a variable of the shell leaves that is not set. Raises UserError."""
    from livekit_doctor.errors import UserError

    for name, value in named.items():
        if value is not None and not value.strip():
            fix = "a call's id, or leave it out: livekit-doctor trace lists the recent calls"
            raise UserError("LKD001", f"{name} is empty: is a variable not set?", fix, Exit.USAGE)


def _require_one_stdin(settings: "Settings", evidence: Sequence[str]) -> None:
    from livekit_doctor.errors import UserError

    logs = settings.logs
    names = [settings.call_logs.file, *logs.worker, *logs.server, *logs.sip, *evidence]
    if names.count("-") > 1:
        raise UserError(
            "LKD001",
            f"standard input can be read once, and - is given {names.count('-')} times",
            "write all but one of them to files, and give the files",
            Exit.USAGE,
        )
