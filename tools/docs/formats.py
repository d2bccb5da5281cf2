"""The formats, from the list that the command line takes."""

from livekit_doctor.render.formats import ENDINGS, FormatName

WORDS = {
    "console": "for a person: colours and wrapping on a terminal, plain where it is piped",
    "json": "for a program, with a schema",
    "junit": "for CI systems that read test reports",
    "github": "GitHub's workflow annotations, and a job summary where `GITHUB_STEP_SUMMARY` is set",
    "markdown": "to paste into an incident channel or a ticket",
    "html": "one self-contained file, to look at and to send on",
    "prometheus": "metrics in Prometheus' text format",
    "sarif": "SARIF 2.1.0, for code scanning",
}


def table() -> str:
    """A line a format."""
    rows = []
    for form in FormatName:
        endings = ", ".join(f"`{ending}`" for ending, of in ENDINGS.items() if of is form)
        rows.append(f"| `{form}` | {WORDS[form]} | {endings} |")
    return "\n".join(["| format | | endings |", "|---|---|---|", *rows, ""])
