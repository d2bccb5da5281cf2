"""livekit-doctor mcp."""

from typing import Annotated

import typer

from livekit_doctor.cli import options
from livekit_doctor.cli.exits import Exit


def mcp(
    allow_experiments: Annotated[
        bool,
        typer.Option(
            "--allow-experiments", help="Serve as well what creates rooms, runs your agent's code or rings a phone."
        ),
    ] = False,
    config: options.ConfigOption = None,
    debug: options.DebugOption = False,
) -> int:
    """Serves check, trace, triage and explain to a coding agent, by the Model Context Protocol on stdin and stdout.

    It only reads, unless --allow-experiments. Credentials are those of the environment or of .env, as for the commands.

    Exit status: 0 the client has ended it, 2 wrong usage, or the package mcp is missing.
    """
    import asyncio
    from importlib.util import find_spec

    from livekit_doctor.errors import UserError

    if find_spec("mcp") is None:
        message = "mcp needs the SDK of the Model Context Protocol, which is not installed"
        raise UserError("LKD001", message, "pip install 'livekit-doctor[mcp]'", Exit.USAGE)

    from livekit_doctor.mcp.server import serve

    further = (f"--config={config}",) if config else ()
    asyncio.run(serve(experiments=allow_experiments, further=further))
    return Exit.OK
