"""The kinds of things that a text may show, each by the module that finds it."""

from livekit_doctor.evidence.pasted import api_errors, lk_output, log_lines, rows, webhooks
from livekit_doctor.evidence.pasted.interface import Recogniser

RECOGNISERS: tuple[Recogniser, ...] = (webhooks.find, lk_output.find, rows.find, log_lines.find, api_errors.find)
"""In this order: what one has taken, the next ones look at only for what else is in it."""

BESIDE_LOG_LINES: tuple[Recogniser, ...] = (webhooks.find, lk_output.find, rows.find, api_errors.find)
"""What a line of a log may show beside being one."""
