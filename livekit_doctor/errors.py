"""Errors that a person can cause and mend. They reach the user as a code, a message and a fix."""

from livekit_doctor.known_secrets import without


class UserError(Exception):
    """Ends the command with `exit_status` (design section 7), and without a traceback.

    `code` is a catalogue code such as LKD003. Secrets that are known are left out of `message` and `fix`.
    """

    def __init__(self, code: str, message: str, fix: str, exit_status: int = 2) -> None:
        self.code = code
        self.message = without(message)
        self.fix = without(fix)
        super().__init__(self.message)
        self.exit_status = exit_status


class ConfigError(UserError):
    """The configuration cannot be used. Each line of the message is one mistake and its place."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__("LKD001", message, fix)


class OutputError(UserError):
    """What --output names is another file of the command, and takes neither the result nor this error."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__("LKD001", message, fix)
