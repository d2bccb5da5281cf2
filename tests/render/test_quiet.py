"""--quiet: what a person reads has only what is wrong and the answer, whatever the format; documents are whole."""

from livekit_doctor.render.formats import FormatName, load
from tests.each import each
from tests.render.every_report import every_report

READ = (FormatName.CONSOLE, FormatName.GITHUB, FormatName.MARKDOWN)


@each("form", list(FormatName))
def test_quiet_is_the_same_for_all_that_are_read(form: FormatName) -> None:
    for name, report in every_report().items():
        loud, quiet = load(form)(report), load(form, quiet=True)(report)
        if form not in READ:
            assert form is FormatName.PROMETHEUS or quiet == loud, name
        else:
            assert len(quiet) <= len(loud), name


def test_what_is_well_is_left_out_and_what_is_wrong_is_not() -> None:
    report = every_report()["check"]
    for form in READ:
        quiet = load(form, quiet=True)(report)
        assert "configuration.credentials" not in quiet, form
        wrong = [result for result in report.results if result.status in ("failed", "errored")]
        assert all(result.id in quiet for result in wrong), form
