"""A page a diagnosis code, and the page of SIP statuses, from the catalogue."""

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.catalogue.sip_statuses import SipStatus, registered, sip_status
from livekit_doctor.render.explained import WHO, explained
from livekit_doctor.render.markdown import explain_page
from livekit_doctor.render.markdown.explain_page import escaped

_CLASSES = {
    3: "3xx: redirected",
    4: "4xx: refused by the carrier or the phone",
    5: "5xx: a server's failure",
    6: "6xx: refused everywhere",
}


def of_group(digit: str) -> list[str]:
    """The codes whose first digit is this one."""
    return [code for code in catalogue.codes() if code[3] == digit]


def page(code: str) -> str:
    """The page of one code, as `explain --format markdown` prints it."""
    text = explain_page.page(explained(look_up(code)))
    return f"{text}\nIn a terminal: `livekit-doctor explain {code}`\n"


def table() -> str:
    """All codes, a table a group."""
    parts = []
    for digit, title in catalogue.GROUPS.items():
        entries = [catalogue.get(code) for code in of_group(digit)]
        rows = [f"| {e.code} | `{e.name}` | {escaped(e.title)} | {e.severity} |" for e in entries]
        parts.append("\n".join([f"## {title}", "", "| code | name | | severity |", "|---|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def statuses() -> str:
    """All registered SIP statuses, a section each."""
    parts = []
    for first, title in _CLASSES.items():
        parts.append(f"## {title}\n")
        parts += [_status(sip_status(code)) for code in registered() if code // 100 == first]
    return "\n".join(parts)


def _status(status: SipStatus) -> str:
    arrives = f"With `wait_until_answered` it arrives as `{status.twirp}`, HTTP {status.http}."
    lines = [
        f"### {status.code} {status.name}",
        "",
        arrives,
        "",
        "| it can mean | who says no | what to do |",
        "|---|---|---|",
    ]
    for meaning in status.meanings:
        say, code = catalogue.fill_fix(meaning.fix, {})
        typed = f"{escaped(say)}:<br>{_cell(code)}" if code else escaped(say)
        means = meaning.means[0].upper() + meaning.means[1:]
        lines.append(f"| {escaped(means)} | {WHO[meaning.who]} | {typed} |")
    return "\n".join([*lines, ""])


def _cell(code: str) -> str:
    """Code of several lines in a table's cell."""
    escape = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "*": "&#42;", "_": "&#95;"})
    return "<br>".join(
        f"<code>{line.translate(escape).replace('  ', '&nbsp; ')}</code>" for line in code.splitlines() if line
    )
