"""What a trace must have before it reads anything."""

from livekit_doctor.errors import UserError
from livekit_doctor.settings import Settings


def require_a_source(settings: Settings) -> None:
    """Raises UserError where neither LiveKit, nor call logs, nor a log are there to be read."""
    rows, logs = settings.call_logs, settings.logs
    if settings.livekit.missing and not (rows.dsn or rows.file or logs.worker or logs.server or logs.sip):
        raise UserError(
            "LKD002",
            f"nothing to read: {', '.join(settings.livekit.missing)} not set, and no call logs are configured",
            "set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the environment or in .env,\n"
            "set CALL_LOGS_DATABASE_URL, or give an export with --call-logs FILE,\n"
            "or give logs with --worker-log, --server-log and --sip-log FILE, or what you have with --evidence FILE",
        )
