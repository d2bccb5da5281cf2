"""`trace --save` and `trace --bundle`: a call's evidence in a file, and diagnosed from it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING

from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import UserError
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from livekit_doctor.bundle import Numbers
    from livekit_doctor.diagnosis.correlation import Subject
    from livekit_doctor.evidence.observations import Evidence
    from livekit_doctor.render.report import TraceReport
    from livekit_doctor.settings import Settings

    Save = Callable[[Evidence, Settings, Subject, str], bool]


def refuse_beside_bundle(given: dict[str, object]) -> None:
    """Raises UserError where `given`, options by name, has any that reads or says what to read."""
    names = [name for name, value in given.items() if value not in (None, False, 0)]
    if names:
        listed = " and ".join(names)
        message = f"--bundle brings its own call, evidence and settings, and reads nothing: leave out {listed}"
        raise UserError("LKD001", message, "livekit-doctor trace --bundle FILE", Exit.USAGE)


def save_without_call() -> UserError:
    message = "--save needs a call: the list of recent calls is no evidence"
    return UserError("LKD001", message, "livekit-doctor trace CALL_ID --save FILE", Exit.USAGE)


def report_of(name: str, *, show_numbers: bool) -> "TraceReport":
    """The diagnosis of the bundle in this file, as the run that saved it printed it.

    Raises BundleRefused.
    """
    from livekit_doctor.bundle.files import read
    from livekit_doctor.cli.exits import exit_status_of_trace
    from livekit_doctor.diagnosis.core import diagnose
    from livekit_doctor.render.masking import mask_of, names_in
    from livekit_doctor.render.report import BundleNote, TraceReport, fix_values_of
    from livekit_doctor.whole_file import STDIN

    bundle = read(name)
    diagnosis = diagnose(bundle.evidence, bundle.settings, bundle.subject)
    masked = bundle.numbers == "masked"
    return TraceReport(
        diagnosis=diagnosis,
        mask=mask_of(bundle.evidence, show=show_numbers and not masked, names=names_in(diagnosis)),
        values=fix_values_of(bundle.settings, bundle.config_file),
        server=bundle.settings.livekit.url,
        exit_status=exit_status_of_trace(diagnosis),
        bundle=BundleNote("standard input" if name == STDIN else name, bundle.created_at, bundle.version, masked),
        at=bundle.evidence.now,
    )


@contextmanager
def saving(name: str | None, *, force: bool, show_numbers: bool) -> "Iterator[Save]":
    """Yields what saves the evidence as this file; without a name it does nothing.

    Raises UserError where there can be no such file, before anything is read. Saving returns whether it
    was done: where it fails at the end, that is said, and the answer is worth printing all the same.
    """
    if name is None:
        if force:
            raise UserError("LKD001", "--force goes with --save", "livekit-doctor trace --help", Exit.USAGE)
        yield lambda *_: True
        return
    from livekit_doctor.bundle import bundle_of
    from livekit_doctor.bundle.files import Target

    def save(evidence: "Evidence", settings: "Settings", subject: "Subject", config_file: str) -> bool:
        numbers: Numbers = "shown" if show_numbers else "masked"
        try:
            size = target.save(bundle_of(evidence, settings, subject, config_file=config_file, numbers=numbers))
        except UserError as error:
            print(f"{error.code} {printable(error.message)}\n  fix: {printable(error.fix)}", file=sys.stderr)
            return False
        told = "phone numbers masked" if numbers == "masked" else "with phone numbers"
        print(f"saved {printable(name)}: {ceil(size / 1024)} KB, {told}", file=sys.stderr)
        return True

    with Target(name, force=force) as target:
        yield save
