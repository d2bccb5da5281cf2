"""The catalogue against the design's table, the installed SDK, a real shell, and hostile values."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from importlib import resources
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from livekit import api

from livekit_doctor import catalogue
from livekit_doctor.catalogue import Entry, Fix, UnknownCodeError
from livekit_doctor.flow import Step
from livekit_doctor.settings import Settings
from tests.each import each

# Design, section 5: code, name, step.
DESIGN = """
LKD001 config-invalid -
LKD002 credentials-missing -
LKD003 livekit-unreachable -
LKD004 credentials-rejected -
LKD005 clock-skew -
LKD006 quota-exceeded -
LKD101 no-worker-registered job_assigned
LKD102 agent-name-mismatch job_assigned
LKD103 worker-at-capacity job_assigned
LKD104 worker-on-other-server job_assigned
LKD105 worker-not-connected job_assigned
LKD106 worker-unreachable -
LKD107 dispatch-pipeline-down job_assigned
LKD108 worker-draining job_assigned
LKD109 dispatched-before-worker job_assigned
LKD110 worker-kind-mismatch job_assigned
LKD111 job-taken-by-stray-worker entrypoint_called
LKD201 outbound-trunk-missing sip_participant_created
LKD202 outbound-trunk-misconfigured sip_dialing
LKD203 sip-service-unavailable sip_participant_created
LKD204 sip-call-rejected sip_ringing
LKD205 sip-no-response sip_ringing
LKD206 sip-not-answered sip_answered
LKD207 inbound-trunk-open -
LKD208 sip-auth-failed sip_ringing
LKD209 sip-address-unreachable sip_ringing
LKD210 sip-media-failed sip_answered
LKD301 dispatch-rule-missing -
LKD302 dispatch-rule-without-agent -
LKD303 dispatch-rule-wrong-agent -
LKD304 dispatch-rule-dangling-trunk -
LKD305 dispatch-rule-shadowed -
LKD401 agent-not-dispatched agent_dispatched
LKD402 no-worker-took-job job_assigned
LKD403 job-request-too-slow job_assigned
LKD404 job-declined job_assigned
LKD405 entrypoint-failed entrypoint_called
LKD406 job-without-agent entrypoint_called
LKD407 agent-left agent_connected
LKD408 agent-silent agent_audio
LKD409 dispatched-to-other-room agent_dispatched
LKD410 duplicate-agents -
LKD411 job-failed job_assigned
LKD412 agents-ignored-room-existed agent_dispatched
LKD413 dispatch-deleted agent_dispatched
LKD414 agent-left-with-room -
LKD415 agent-never-connected agent_connected
LKD416 agent-media-failed agent_connected
LKD417 job-never-launched entrypoint_called
LKD501 room-never-created room_created
LKD502 room-closed-early room_created
LKD601 call-not-found -
LKD602 call-logs-unreadable -
LKD603 call-logs-unmapped-state -
LKD604 step-slow -
LKD605 call-logs-unindexed -
LKD606 room-not-logged -
LKD701 async-prewarm -
LKD702 blocking-call -
LKD703 worker-in-development-mode -
LKD704 grace-period-too-short -
LKD705 arguments-swapped -
LKD706 call-not-awaited -
LKD707 return-taken-for-answer -
LKD708 number-not-e164 -
"""
TABLE = {code: (name, step) for code, name, step in (line.split() for line in DESIGN.split("\n") if line)}
CODES = tuple(TABLE)

BROAD = {
    "LKD205": "LKD204 LKD208 LKD209",
    "LKD402": "LKD101 LKD102 LKD103 LKD104 LKD105 LKD107 LKD108 LKD109 LKD110 LKD403 LKD404",
    "LKD406": "LKD405 LKD407 LKD415 LKD416 LKD417",
}
WARNINGS = {
    "LKD005",
    "LKD106",
    "LKD207",
    "LKD410",
    "LKD603",
    "LKD604",
    "LKD605",
    "LKD606",
    "LKD701",
    "LKD702",
    "LKD703",
    "LKD704",
    "LKD707",
    "LKD708",
}

HOSTILE = (
    "plain",
    'a"; drop table x; --',
    'it\'s "both" and `neither` $(reboot) ${HOME} \\',
    "trailing space ",
    "two\nlines\r\n\tand\x1b[31m a colour",
    "SW Tеlephony Agent \N{TELEPHONE RECEIVER} \u2028",
    "{{room}} {0} %s",
    "-rf",
    "'",
    "'''\"\"\"",
)
PLACEHOLDER = re.compile(r"\{\{(.*?)(?:\|.*?)?\}\}")
WORDS = re.compile(r"\{\{\w+\|(.*?)\}\}")
NAMED_BY_THE_PAGE = {"detail", "key", "number", "other_name", "other_room", "other_schema", "step"}


def page(code: str) -> str:
    return (resources.files(catalogue) / f"{code}.yaml").read_text(encoding="utf-8")


def everything(value: str) -> dict[str, str]:
    return dict.fromkeys(catalogue.PLACEHOLDERS, value)


def only(fix: Fix) -> Entry:
    """An entry with this one fix, so that what is rendered is nothing but it."""
    return msgspec.structs.replace(catalogue.get("LKD401"), fix=(fix,))


def code_of(fix: Fix, values: dict[str, str]) -> str:
    """The code of a fix as it is printed, the indent taken off again."""
    printed = catalogue.render_fix(only(msgspec.structs.replace(fix, say="x")), values)
    first, _, rest = printed.partition("\n")
    assert first == ("x. In your async Python code:" if fix.language == "python" else "x:")
    assert all(line.startswith("  ") or not line for line in rest.split("\n"))
    return textwrap.dedent(rest)


def fixes(language: str) -> list[Any]:
    return [
        pytest.param(fix, id=f"{code}-{number}")
        for code in CODES
        for number, fix in enumerate(catalogue.get(code).fix)
        if fix.language == language
    ]


def wrapped(code: str) -> str:
    return "async def fix():\n" + textwrap.indent(code, "    ")


# The pages


def test_every_code_of_the_design_has_a_page_and_no_other() -> None:
    assert catalogue.codes() == CODES


@each("code", CODES)
def test_page_says_what_the_design_says(code: str) -> None:
    entry = catalogue.get(code)
    name, step = TABLE[code]
    assert (entry.code, entry.name, entry.step or "-") == (code, name, step)
    assert entry.step is None or entry.step in list(Step)
    assert entry.broad == (code in BROAD)
    assert entry.severity == ("warning" if code in WARNINGS else "error")


@each("code", CODES)
def test_page_has_every_key_in_order_and_filled(code: str) -> None:
    raw = yaml.safe_load(page(code))
    assert tuple(raw) == Entry.__struct_fields__
    entry = catalogue.get(code)
    for text in (entry.title, entry.meaning, entry.concluded, entry.ruled_out_by, entry.example):
        assert text.strip()
    assert entry.settled_by
    assert all("\n" not in line.strip() for line in (entry.title, *entry.settled_by))
    assert entry.fix
    for fix in raw["fix"]:
        when = fix.pop("when", ["kind"])
        assert when
        assert all(re.fullmatch(r"[a-z_]+", kind) for kind in when)
        assert 1 <= len(fix) <= 2, "one sentence, and at most one language"
        assert "\n" not in fix["say"].strip()
        assert fix["say"].endswith(".") == (len(fix) == 1), "a sentence alone ends, one before code goes on"


@each("code", CODES)
def test_candidates_exist(code: str) -> None:
    candidates = catalogue.get(code).candidates
    assert set(candidates) <= set(CODES) - {code}
    assert len(set(candidates)) == len(candidates)


def test_candidates_of_the_codes_that_the_design_fixes() -> None:
    wanted = {
        **BROAD,
        "LKD401": "LKD412 LKD413 LKD409",
        "LKD501": "LKD502",
        "LKD502": "LKD501",
    }
    for code, candidates in wanted.items():
        assert catalogue.get(code).candidates == tuple(candidates.split()), code


@each("code", CODES)
def test_placeholders_are_known_and_explained(code: str) -> None:
    text = page(code)
    assert set(PLACEHOLDER.findall(text)) <= catalogue.PLACEHOLDERS
    entry = catalogue.get(code)
    in_fixes = {name for fix in entry.fix for name in PLACEHOLDER.findall(fix.say + (fix.code or ""))}
    for prose in (entry.title, entry.meaning, entry.concluded, entry.ruled_out_by, entry.example):
        assert "{{" not in prose, "placeholders belong into fixes and settled_by"
    head = " ".join(line for line in text.splitlines() if line.startswith("#"))
    assert in_fixes <= set(re.findall(r"\w+", head)), "the comment at the top says what each one stands for"


@each("code", CODES)
def test_page_is_tidy(code: str) -> None:
    text = page(code)
    assert text.endswith("\n")
    assert "TODO" not in text
    assert all(len(line) <= 200 and line == line.rstrip() for line in text.splitlines())
    for number in re.findall(r"\+\d[\d ]{6,}", text):
        assert re.fullmatch(r"\+1555555?01\d\d", number.replace(" ", "")), "fictional numbers only"


# The loader


def test_importing_and_listing_reads_no_page_and_needs_no_yaml() -> None:
    program = (
        "import sys, livekit_doctor.catalogue as c; c.codes(); "
        "assert not {'yaml', 'shlex', 'livekit'} & set(sys.modules), 'too eager'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.getcwd()})


@pytest.mark.parametrize("code", ["LKD999", "lkd401", "../pyproject", ""])
def test_get_takes_exact_codes_only(code: str) -> None:
    with pytest.raises(UnknownCodeError):
        catalogue.get(code)


# Rendering


def test_render_fix_reads_like_the_sketch_in_the_design() -> None:
    printed = catalogue.render_fix(
        catalogue.get("LKD401"), {"agent_name": "SW Telephony Agent", "room": "call-outbound-1"}
    )
    assert "Right now, for this call:\n" in printed
    assert '  lk dispatch create --room call-outbound-1 --agent-name "' not in printed
    assert "\n  lk dispatch create --room call-outbound-1 --agent-name 'SW Telephony Agent'\n" in printed
    assert 'agent_name="SW Telephony Agent", room="call-outbound-1"' in printed


@each("fix", fixes("python"))
def test_python_says_that_it_belongs_into_async_code(fix: Fix) -> None:
    """Pasted into a plain script an await is a SyntaxError."""
    assert "await " in (fix.python or "")
    assert "In your async Python code:" in catalogue.render(fix, {})
    assert catalogue.fill_fix(fix, {})[0].endswith(". In your async Python code")


def test_sentence_takes_values_as_they_are_but_no_control_characters() -> None:
    printed = catalogue.render_fix(only(Fix(say="In {{room}}.")), {"room": "a 'b' \x1b[31m\n"})
    assert printed == "In a 'b' \\x1b[31m\\x0a."


def test_a_value_that_looks_like_a_placeholder_stays_a_value() -> None:
    printed = catalogue.render_fix(
        only(Fix(say="{{room}} {{agent_name}}.")), {"room": "{{agent_name}}", "agent_name": "{{room}}"}
    )
    assert printed == "{{agent_name}} {{room}}."


@pytest.mark.parametrize(
    ("values", "printed"),
    [
        ({}, "A.\nB.\nC."),
        ({"kind": "one"}, "A.\nC."),
        ({"kind": "two"}, "B.\nC."),
        ({"kind": "one two"}, "A.\nB.\nC."),
        ({"kind": "three"}, "C."),
    ],
)
def test_a_fix_for_another_kind_is_left_out(values: dict[str, str], printed: str) -> None:
    fix = (Fix(say="A.", when=("one",)), Fix(say="B.", when=("two",)), Fix(say="C."))
    entry = msgspec.structs.replace(catalogue.get("LKD401"), fix=fix)
    assert catalogue.render_fix(entry, values) == printed


def test_where_no_fix_is_for_the_kind_all_are_printed() -> None:
    assert catalogue.render_fix(only(Fix(say="A.", when=("one",))), {"kind": "other"}) == "A."


def test_fill_quotes_in_the_command_only() -> None:
    line = "Trace {{call_id}} again: livekit-doctor trace {{call_id}} --room {{room}}"
    values = {"call_id": "it's"}
    assert catalogue.fill(line, values) == "Trace it's again: livekit-doctor trace 'it'\"'\"'s' --room YOUR_ROOM"


def test_a_call_of_which_only_the_room_is_known_is_traced_by_it() -> None:
    line = "Give the log: livekit-doctor trace {{call_id}} --server-log FILE"
    assert catalogue.fill(line, {"room": "a b"}) == "Give the log: livekit-doctor trace --room 'a b' --server-log FILE"
    assert "trace c-1 --server" in catalogue.fill(line, {"room": "a b", "call_id": "c-1"})
    assert "trace YOUR_CALL_ID --server" in catalogue.fill(line, {})
    both = "Trace: livekit-doctor trace {{call_id}} --room {{room}}"
    assert catalogue.fill(both, {"room": "a b"}) == "Trace: livekit-doctor trace --room 'a b'"


@each("value", HOSTILE)
def test_commands_of_settled_by_keep_their_words(value: str) -> None:
    for line in (line for code in CODES for line in catalogue.get(code).settled_by if "{{" in line):
        sentence, command = re.split(r"(?=livekit-doctor [a-z]|lk [a-z]|grep -F)", line, maxsplit=1)
        assert "{{" not in sentence
        plain = shlex.split(catalogue.fill(command, everything("plain")))
        assert len(shlex.split(catalogue.fill(command, everything(value)))) == len(plain)


@pytest.mark.parametrize("value", [{}, {"agent_name": ""}])
def test_an_unknown_value_is_shown_as_such(value: dict[str, str]) -> None:
    assert catalogue.render_fix(only(Fix(say="Start {{agent_name}}.")), value) == "Start YOUR_AGENT_NAME."


def test_an_unknown_value_is_shown_in_the_words_of_the_page() -> None:
    entry = only(Fix(say="Correct {{detail|what it says}} on {{url}}", shell="x --to {{other_name|OTHER'S NAME}}"))
    unknown = "Correct what it says on wss://YOUR-PROJECT.livekit.cloud:\n  x --to 'OTHER'\"'\"'S NAME'"
    assert catalogue.render_fix(entry, {}) == unknown
    known = {"detail": "it", "url": "ws://a", "other_name": "{{url|b}}"}
    assert catalogue.render_fix(entry, known) == "Correct it on ws://a:\n  x --to '{{url|b}}'"


@each("code", CODES)
def test_with_unknown_values_a_page_reads_and_pastes(code: str) -> None:
    """What is to be replaced is a plain word: it redirects nothing, expands to nothing, and names its meaning."""
    entry = catalogue.get(code)
    for fix in entry.fix:
        text = fix.say + (fix.code or "")
        vague = [name for name in re.findall(r"\{\{(\w+)\}\}", text) if name in NAMED_BY_THE_PAGE]
        assert set(vague) <= {"key", "number", "step"}, "say in the page what to write there"
        if fix.code is None:
            continue
        for name, shown in filled_with_nothing(fix):
            assert re.fullmatch(r"[\w./:-]+", shown), name
            assert shown in catalogue.UNKNOWN.values() or shown.isupper(), name
    for line in entry.settled_by:
        assert "{{" not in catalogue.fill(line, {})
        assert not re.search(r"[<>]|\$\{", catalogue.fill(line, {}))


def filled_with_nothing(fix: Fix) -> list[tuple[str, str]]:
    """Each placeholder in the code of a fix, and the word that is shown for it."""
    names = dict(re.findall(r"\{\{(\w+)(?:\|(.*?))?\}\}", fix.code or ""))
    return [
        (name, catalogue.fill(f"{{{{{name}|{words}}}}}" if words else f"{{{{{name}}}}}", {}))
        for name, words in names.items()
    ]


@given(st.text(min_size=1))
def test_every_value_survives_its_quoting(value: str) -> None:
    values = {"room": value, "table": value}
    assert ast.literal_eval(code_of(Fix(say="", python="{{room}}"), values)) == value
    assert yaml.safe_load(code_of(Fix(say="", yaml="{{room}}: 1"), values)) == {value: 1}
    kept = value.replace("\0", "")
    sql = code_of(Fix(say="", sql="{{room}}{{table}}"), values)
    if kept.isprintable():
        assert sql == "'" + kept.replace("'", "''") + "'" + '"' + kept.replace('"', '""') + '"'


# Python fixes


@each("value", HOSTILE)
@each("fix", fixes("python"))
def test_python_fix_compiles_and_keeps_its_shape(fix: Fix, value: str) -> None:
    tree = ast.parse(wrapped(code_of(fix, everything(value))))
    plain = ast.parse(wrapped(code_of(fix, everything("plain"))))
    for node in (*ast.walk(tree), *ast.walk(plain)):
        if isinstance(node, ast.Constant) and node.value in (value, "plain"):
            node.value = "the value"
    assert ast.dump(tree) == ast.dump(plain)


@each("fix", fixes("python"))
def test_python_fix_with_unknown_values_compiles(fix: Fix) -> None:
    tree = ast.parse(wrapped(code_of(fix, {})))
    shown = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {words for _, words in filled_with_nothing(fix)} <= shown


@each("fix", fixes("python"))
def test_python_fix_runs_where_it_is_pasted(fix: Fix) -> None:
    """It imports and makes all that it names, and begins at the margin."""
    code = code_of(fix, everything("plain"))
    compile(code, "fix", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    tree = ast.parse(code)
    assert sum(isinstance(node, ast.ImportFrom) for node in tree.body) == 1
    made = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node) == "lkapi = LiveKitAPI()"]
    assert len(made) == 1
    assert "# reads LIVEKIT_URL" in code


@each("fix", fixes("python"))
def test_python_fix_uses_only_what_livekit_api_has(fix: Fix) -> None:
    tree = ast.parse(wrapped(code_of(fix, everything("plain"))))
    known: dict[str, Any] = {}
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module == "livekit.api"
            known |= {alias.name: getattr(api, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            assert [alias.name for alias in node.names] == ["os"]
            known["os"] = importlib.import_module("os")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert used <= known.keys() | assigned | set(dir(builtins))
    assert known.keys() <= used, "an import that is not used"
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        check_call(call, known)


def check_call(call: ast.Call, known: dict[str, Any]) -> None:
    """A message has the fields that are set, a method takes the arguments that are passed."""
    match call.func:
        case ast.Name(id=name) if name in known:
            assert not call.args
            if name == "LiveKitAPI":
                return
            assert {keyword.arg for keyword in call.keywords} <= set(known[name].DESCRIPTOR.fields_by_name)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="lkapi"), attr=service), attr=method):
            function = getattr(service_class(service), method)
            assert inspect.iscoroutinefunction(function)
            assert "deprecated::" not in (function.__doc__ or "")
            inspect.signature(function).bind(
                None, *call.args, **{keyword.arg or "": keyword.value for keyword in call.keywords}
            )


def service_class(service: str) -> type:
    names = {"room": "room_service.RoomService", "sip": "sip_service.SipService"}
    module, name = names.get(service, "agent_dispatch_service.AgentDispatchService").split(".")
    assert isinstance(getattr(api.LiveKitAPI, service), property)
    found: type = getattr(getattr(api, module), name)
    return found


# Shell fixes


def lines(fix: Fix, values: dict[str, str]) -> list[str]:
    return code_of(fix, values).splitlines()


@each("value", HOSTILE)
@each("fix", fixes("shell"))
def test_shell_fix_keeps_its_words(fix: Fix, value: str) -> None:
    plain = [len(shlex.split(line)) for line in lines(fix, everything("plain"))]
    assert [len(shlex.split(line)) for line in lines(fix, everything(value))] == plain
    assert [len(shlex.split(line)) for line in lines(fix, {})] == plain


@pytest.fixture(scope="module")
def bash() -> str:
    found = shutil.which("bash")
    assert found, "these tests ask a real bash: install it"
    return found


@each("value", HOSTILE)
def test_a_real_shell_gives_the_value_back(bash: str, value: str) -> None:
    script = code_of(Fix(say="", shell="printf %s {{room}}"), {"room": value})
    ran = subprocess.run([bash, "-c", script], capture_output=True, check=True)
    assert ran.stdout.decode() == value


@each("fix", [fix for fix in fixes("shell") if "{{" in fix.values[0].shell])
def test_a_real_shell_takes_an_unknown_value_for_a_word(bash: str, fix: Fix) -> None:
    for line in lines(fix, {}):
        words = subprocess.run(
            [bash, "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True
        ).stdout
        assert words.splitlines() == shlex.split(line)
        assert not re.search(r"[<>]|\$\{", line)


# The other languages


@each("value", HOSTILE)
@each("fix", fixes("yaml"))
def test_yaml_fix_is_yaml_with_the_value_in_it(fix: Fix, value: str) -> None:
    code = code_of(fix, everything(value))
    assert yaml.safe_load(code) == yaml.safe_load(
        code_of(fix, everything("plain")).replace('"plain"', repr_yaml(value))
    )


@each("fix", fixes("yaml"))
def test_yaml_fix_is_for_checks_yaml(fix: Fix) -> None:
    keys = {"key": "call_id", "step": "agent_connected"}
    msgspec.convert(yaml.safe_load(code_of(fix, {**everything("plain"), **keys})), Settings)


def repr_yaml(value: str) -> str:
    return yaml.safe_dump(value, default_style='"', allow_unicode=False, width=10_000).strip()


@each("fix", fixes("sql"))
def test_sql_fix_quotes_identifiers(fix: Fix) -> None:
    assert fix.sql is not None
    assert set(PLACEHOLDER.findall(fix.sql)) <= {"schema", "table", "column", "role"}
    assert '"a""; drop table x; --"' in code_of(fix, everything('a"; drop table x; --')) or "{{" not in fix.sql
    assert code_of(fix, everything("x")).rstrip().endswith(";")
