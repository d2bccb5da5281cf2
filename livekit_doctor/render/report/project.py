"""What was found in a project: by `init`, by `lint`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.render.report.check import CheckReport
from livekit_doctor.render.report.shared import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livekit_doctor.diagnosis.findings import Finding
    from livekit_doctor.lint.result import Linted, Located
    from livekit_doctor.render.masking import Mask


class Found(Struct, frozen=True):
    """One thing that `init` looked for. `unknown`: it is not there; `warned`: it is, and something is wrong."""

    label: str
    status: Literal["ok", "unknown", "warned"]
    text: str


class NextStep(Struct, frozen=True):
    """What to type next, and in words what to do before and after that."""

    command: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return ", then ".join(filter(None, (self.before, self.command, self.after)))


class InitReport(Shown, frozen=True):
    """The file that was written, from what. Phone numbers are only counted.

    `taken` says of what there were several which was taken, and why. `check` is None where it has not run;
    `next` is None as long as it is still to run.
    """

    kind: ClassVar = "init"
    file: str
    server: str
    found: tuple[Found, ...]
    taken: tuple[str, ...] = ()
    check: CheckReport | None = None
    next: NextStep | None = None

    def __post_init__(self) -> None:
        from livekit_doctor.render.masking import Mask

        super().__post_init__()
        self._show(Mask(show=True), "found", "taken")

    @property
    def exit_status(self) -> int:
        return self.check.exit_status if self.check else 0


class LintReport(Shown, frozen=True):
    """What the source says. `strict`: whether a warning is a failure."""

    kind: ClassVar = "lint"
    linted: Linted
    mask: Mask
    values: Mapping[str, str]
    exit_status: int
    strict: bool = False
    configuration: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._show(self.mask, "linted")

    def fails(self, one: Located) -> bool:
        """As a finding of `check` does: one that is a warning, or no more than possible, does not unless strict."""
        from livekit_doctor.lint.result import is_fault

        return self.strict or is_fault(one)

    def fix_of(self, finding: Finding) -> str:
        """The fix to type for a finding, its placeholders filled."""
        return catalogue.render_fix(catalogue.get(finding.code), {**self.values, **finding.values})

    @property
    def headline(self) -> str:
        """The answer in one line."""
        found = self.linted.findings
        failed = sum(map(self.fails, found))
        warned = len(found) - failed
        if not self.linted.parsed:
            return "no source that speaks of LiveKit was read"
        told = [f"{failed} failed"] * bool(failed) + [f"{warned} warned"] * bool(warned)
        return f"{'not ok' if failed else 'ok'}: {', '.join(told) or 'nothing found'}"

    @property
    def read(self) -> str:
        """What was read, in one line."""
        told = self.linted
        tests = f", {told.tests} test files left out" if told.tests else ""
        ignored = f", {told.ignored} findings ignored by a comment" if told.ignored else ""
        return f"{told.files} files, {told.parsed} of them parsed, in {told.took:.1f} s{tests}{ignored}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be followed or read."""
        told = self.linted
        return (
            *(f"{one.place}: not followed: {one.what}" for one in told.unfollowed),
            *(f"{one.path}: passed over: {one.why}" for one in told.skipped),
        )
