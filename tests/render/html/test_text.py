"""What needs no browser: the page as text, its parts, and the diagram's layout."""

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from datetime import timedelta
from html import unescape
from pathlib import Path

from msgspec.structs import replace

from livekit_doctor.flow import Status, Step
from livekit_doctor.render import html
from livekit_doctor.render.formats import Format
from livekit_doctor.render.html.ladder import NARROW, WIDE, Geometry, Lane, ladder
from livekit_doctor.render.html.parts import Move, moves, offset
from livekit_doctor.render.json import JsonFormat
from livekit_doctor.render.report import ErrorReport
from tests.cli.command_line import run
from tests.each import each
from tests.render.every_report import every_report, hostile_reports
from tests.render.reports import START, TRACES, both_legs, broken, trace_report

FORM: Format = html.render
ROOT = Path(__file__).parents[3]
REPORTS = {**every_report(), **{f"hostile {name}": report for name, report in hostile_reports().items()}}


@each("name", REPORTS)
def test_a_page_is_one_file_with_a_strict_policy(name: str) -> None:
    """Nothing is loaded, no handler or style stands in the markup, and the policy names what does."""
    page = FORM(REPORTS[name])
    policy = unescape(re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[0])
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    markup = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    tags = re.findall(r"<[a-z][^>]*>", markup)
    assert not [tag for tag in tags if re.search(r"\s(on\w+|style|src|srcset)=", re.sub(r'"[^"]*"', '""', tag))]
    links = re.findall(r'\b(?:href|action)="([^"]*)"', markup)
    assert not [link for link in links if not link.startswith(("#", "data:image/svg+xml,"))]
    assert not {char for char in page if char != "\n" and not char.isprintable()}


def test_code_in_a_sentence_of_the_catalogue() -> None:
    """It may hold what was read, and stays text."""
    page = FORM(every_report()["trace broken"])
    assert "<code>agents</code> is silently ignored" in page
    evil = trace_report(replace(broken(), would_settle=("Look at `<b>x</b>` & `y",)))
    assert "Look at `&lt;b&gt;x&lt;/b&gt;` &amp; `y" in FORM(evil)
    evil = trace_report(replace(broken(), would_settle=("Look at `<b>x</b>` & y",)))
    assert "Look at <code>&lt;b&gt;x&lt;/b&gt;</code> &amp; y" in FORM(evil)


@each("name", REPORTS)
def test_the_raw_evidence_is_the_json_document(name: str) -> None:
    page = FORM(REPORTS[name])
    raw = re.findall(r'aria-label="JSON document"><code>(.*?)</code>', page, re.DOTALL)[0]
    assert unescape(raw).strip() == JsonFormat()(REPORTS[name]).strip()


@each("name", REPORTS)
def test_ids_are_unique_and_references_lead_somewhere(name: str) -> None:
    page = FORM(REPORTS[name])
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = [*re.findall(r'href="#([^"]+)"', page)]
    for attribute in ("aria-labelledby", "for"):
        used += [one for value in re.findall(rf'\s{attribute}="([^"]+)"', page) for one in value.split()]
    assert set(used) <= set(ids)


def test_a_fix_is_sentences_and_code() -> None:
    told = "First do this.\nThen type:\n  one(\n      two,\n\n  )\nOr so:\n  lk three"
    assert moves(told) == (
        Move("First do this."),
        Move("Then type", "one(\n    two,\n\n)"),
        Move("Or so", "lk three"),
    )
    assert moves("") == ()


def test_offsets() -> None:
    def after(seconds: float) -> str:
        return offset(START + timedelta(seconds=seconds), START)

    assert [after(one) for one in (0, 0.44, -1.5, 102, 3725)] == [
        "+0.0 s",
        "+0.4 s",
        "−1.5 s",
        "+1 min 42 s",
        "+1 h 2 min",
    ]
    assert offset(None, START) == offset(START, None) == ""


@each("geometry", [WIDE, NARROW], name=lambda geometry: geometry.name)
@each("name", TRACES)
def test_each_step_has_a_place_of_its_own(name: str, geometry: Geometry) -> None:
    diagnosis = TRACES[name]()
    drawn = ladder(diagnosis, geometry)
    in_call = {step.step for step in diagnosis.steps if step.leg != "call" or step.status is not Status.UNKNOWN}
    assert {rung.step for rung in drawn.rungs} == in_call
    ends = [0, *(rung.top + rung.height for rung in drawn.rungs)]
    for rung, end in zip(drawn.rungs, ends, strict=False):
        assert end <= rung.top < rung.line < rung.top + rung.height <= drawn.height
        assert 0 < min(rung.start, rung.end) <= max(rung.start, rung.end) < drawn.width


def test_who_speaks_to_whom() -> None:
    def arrows(inbound: bool) -> dict[Step, tuple[Lane, Lane]]:
        drawn = ladder(replace(broken(), inbound=inbound), WIDE)
        lane = {x: name for name, x in drawn.lanes}
        return {rung.step: (lane[rung.start], lane[rung.end]) for rung in drawn.rungs}

    outbound, inbound = arrows(False), arrows(True)
    assert outbound[Step.AGENT_DISPATCHED] == (Lane.EDGE, Lane.LIVEKIT)
    assert outbound[Step.JOB_ASSIGNED] == inbound[Step.JOB_ASSIGNED] == (Lane.LIVEKIT, Lane.WORKER)
    assert outbound[Step.SIP_RINGING] == (Lane.TRUNK, Lane.PHONE)
    assert inbound[Step.CALL_REQUESTED] == (Lane.PHONE, Lane.TRUNK)
    assert Lane.EDGE not in {lane for pair in inbound.values() for lane in pair}


def test_each_leg_that_broke_has_its_code() -> None:
    drawn = ladder(both_legs(), WIDE)
    assert {rung.step: rung.code for rung in drawn.rungs if rung.code} == {
        Step.AGENT_DISPATCHED: "LKD401",
        Step.SIP_RINGING: "LKD205",
    }
    assert "agent dispatched: broken, LKD401" in drawn.description


def test_a_code_that_nobody_knows_is_shown_all_the_same() -> None:
    page = html.render(ErrorReport("trace", "LKD999", "what was said", "livekit-doctor trace --help", 70))
    assert "LKD999" in page
    assert "what was said" in page
    assert "<code>livekit-doctor trace --help" in page


def test_jinja_is_imported_only_where_a_page_is_made() -> None:
    code = (
        "import sys; from livekit_doctor.cli import main; from livekit_doctor.render import html;"
        "assert 'jinja2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_wheel_has_the_templates(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    folder = "livekit_doctor/render/html/templates"
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(folder)}
    assert packed == {f"{folder}/{file.name}" for file in (ROOT / folder).iterdir()}


def test_a_page_says_the_same_each_time() -> None:
    assert html.render(trace_report(broken())) == html.render(trace_report(broken()))


def test_the_command_line_writes_it(tmp_path: Path) -> None:
    bundle = ROOT / "tests" / "bundles" / "incident-1-live.json.gz"
    ran = run("trace", "--bundle", str(bundle), "--output", "report.html", cwd=tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ran.status == 1
    assert "<title>Broke at: job assigned, LKD402 · call-" in page
    assert "Broke at: job assigned" in ran.stdout


def test_a_command_that_came_to_nothing_says_so_on_the_page(tmp_path: Path) -> None:
    ran = run("trace", "--bundle", "none.json", "--format", "html", cwd=tmp_path)
    assert ran.status == 2
    assert ran.stdout.startswith("<!doctype html>")
    assert "livekit-doctor trace came to no result" in ran.stdout
    assert "none.json" in ran.stdout
