"""Every code has a page, an example, a page in the documentation, and a test that raises it.

The last is seen, not claimed: the tests that RAISED_BY names are run, and what comes out of the package
meanwhile is noted (`raising`). A code without an entry, a test that is gone or fails, one that no longer
raises its code, and one that does not speak of it all fail here.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from livekit_doctor import catalogue
from livekit_doctor.catalogue import codes
from livekit_doctor.config import load
from livekit_doctor.errors import ConfigError
from tests.cli.command_line import run
from tests.each import each

ROOT = Path(__file__).parents[2]

RAISED_BY = {
    "LKD001": "catalogue/test_every_code.py::test_a_configuration_that_cannot_be_used",
    "LKD002": "diagnosis/test_connection.py::test_credentials_that_are_not_set",
    "LKD003": "diagnosis/test_connection.py::test_what_could_not_be_read_is_the_finding",
    "LKD004": "diagnosis/test_connection.py::test_what_could_not_be_read_is_the_finding",
    "LKD005": "diagnosis/test_warnings.py::test_clocks_of_two_components",
    "LKD006": "diagnosis/test_connection.py::test_what_could_not_be_read_is_the_finding",
    "LKD101": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD102": "diagnosis/test_workers.py::test_a_worker_under_another_name",
    "LKD103": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD104": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD105": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD106": "diagnosis/test_workers.py::test_an_endpoint_that_does_not_answer",
    "LKD107": "diagnosis/test_workers.py::test_a_canary_without_its_job",
    "LKD108": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD109": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD110": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD111": "diagnosis/test_component_logs.py::test_a_stray_worker",
    "LKD201": "diagnosis/test_sip_trunks.py::test_mistyped_trunk_id",
    "LKD202": "diagnosis/test_sip_trunks.py::test_expected_number_missing",
    "LKD203": "diagnosis/test_carrier_answers.py::test_no_sip_service",
    "LKD204": "diagnosis/test_carrier_answers.py::test_refused_after_it_rang",
    "LKD205": "diagnosis/test_phone_leg.py::test_dialing_then_gone",
    "LKD206": "diagnosis/test_phone_leg.py::test_ringing_then_gone_may_be_a_refusal_too",
    "LKD207": "diagnosis/test_sip_trunks.py::test_open_trunk",
    "LKD208": "diagnosis/test_carrier_answers.py::test_errors_without_a_sip_status",
    "LKD209": "diagnosis/test_carrier_answers.py::test_errors_without_a_sip_status",
    "LKD210": "diagnosis/test_carrier_answers.py::test_errors_without_a_sip_status",
    "LKD301": "diagnosis/test_sip_dispatch_rules.py::test_trunk_without_a_rule",
    "LKD302": "diagnosis/test_sip_dispatch_rules.py::test_rule_without_agent",
    "LKD303": "diagnosis/test_sip_dispatch_rules.py::test_agent_name_misspelled",
    "LKD304": "diagnosis/test_sip_dispatch_rules.py::test_rule_for_a_trunk_that_is_gone",
    "LKD305": "diagnosis/test_sip_dispatch_rules.py::test_two_rules_for_the_same_calls",
    "LKD401": "diagnosis/test_agent_leg.py::test_not_dispatched_is_proven_where_the_placer_has_logged",
    "LKD402": "diagnosis/test_agent_leg.py::test_no_job_after_the_allowance",
    "LKD403": "diagnosis/test_component_logs.py::test_no_worker_has_the_job",
    "LKD404": "diagnosis/test_agent_leg.py::test_a_declined_job",
    "LKD405": "diagnosis/test_component_logs.py::test_a_job_without_an_agent",
    "LKD406": "diagnosis/test_agent_leg.py::test_a_job_without_its_agent",
    "LKD407": "diagnosis/test_agent_leg.py::test_an_agent_that_left",
    "LKD408": "diagnosis/test_agent_leg.py::test_a_silent_agent",
    "LKD409": "diagnosis/test_agent_leg.py::test_dispatched_to_another_room_is_proven_by_the_logged_id",
    "LKD410": "diagnosis/test_agent_leg.py::test_two_agents_of_one_name",
    "LKD411": "diagnosis/test_component_logs.py::test_the_servers_own_word_of_a_failed_job",
    "LKD412": "diagnosis/test_agent_leg.py::test_agents_are_ignored_where_the_phone_had_made_the_room",
    "LKD413": "diagnosis/test_agent_leg.py::test_a_room_without_any_dispatch_had_one",
    "LKD414": "diagnosis/test_carrier_answers.py::test_an_agent_that_left_with_the_room_is_a_consequence",
    "LKD415": "diagnosis/test_component_logs.py::test_a_job_without_an_agent",
    "LKD416": "diagnosis/test_agent_leg.py::test_an_agent_that_never_gets_active_has_not_connected",
    "LKD417": "diagnosis/test_component_logs.py::test_no_process_for_the_job",
    "LKD501": "diagnosis/test_component_logs.py::test_a_room_that_was_never_created",
    "LKD502": "diagnosis/test_component_logs.py::test_a_room_that_closed_by_itself",
    "LKD601": "diagnosis/test_warnings.py::test_a_call_that_is_nowhere",
    "LKD602": "diagnosis/test_call_logs_rules.py::test_logs_that_could_not_be_read",
    "LKD603": "diagnosis/test_warnings.py::test_unmapped_states_are_listed_once_each",
    "LKD604": "diagnosis/test_warnings.py::test_slow_steps",
    "LKD605": "diagnosis/test_call_logs_rules.py::test_an_index_that_is_known_to_be_missing",
    "LKD606": "lint/test_rules.py::test_smallest_and_nearest",
    "LKD701": "diagnosis/test_component_logs.py::test_async_prewarm_is_a_warning",
    "LKD702": "lint/test_rules.py::test_smallest_and_nearest",
    "LKD703": "lint/test_rules.py::test_smallest_and_nearest",
    "LKD704": "lint/test_rules.py::test_smallest_and_nearest",
    "LKD705": "lint/test_rules.py::test_smallest_and_nearest",
    "LKD706": "lint/test_rules.py::test_smallest_and_nearest",
    "LKD707": "lint/test_rules.py::test_smallest_and_nearest",
    "LKD708": "lint/test_rules.py::test_smallest_and_nearest",
}


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The tests of RAISED_BY that pass, with the codes that came out of the package in each of their cases."""
    file = tmp_path_factory.mktemp("raised") / "raised.json"
    nodes = [f"tests/{node}" for node in dict.fromkeys(RAISED_BY.values())]
    told = ["-p", "tests.catalogue.raising", "--raised", str(file), "-p", "no:cacheprovider", "-q", *nodes]
    ran = subprocess.run([sys.executable, "-m", "pytest", *told], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    raised: dict[str, list[str]] = json.loads(file.read_text())
    return raised


def test_a_configuration_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text("agent: [1]\n")
    with pytest.raises(ConfigError) as error:
        load(None, {}, {}, tmp_path)
    assert error.value.code == "LKD001"


def test_no_code_is_forgotten() -> None:
    assert tuple(RAISED_BY) == codes()


@each("code", codes())
def test_a_test_raises_it(code: str, raised: dict[str, list[str]]) -> None:
    node = f"tests/{RAISED_BY[code]}"
    cases = [found for test, found in raised.items() if test.split("[")[0] == node]
    assert cases, "the test is gone"
    assert any(code in found for found in cases)
    assert code in source_of(node), "the test does not say which code it expects"


def source_of(node: str) -> str:
    """The test function of a node, its parameters included."""
    path, name = node.split("::")
    text = (ROOT / path).read_text()
    function = next(n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == name)
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : function.end_lineno])


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `explain --all` prints."""
    return run("explain", "--all", cwd=tmp_path_factory.mktemp("pages")).stdout


@each("code", codes())
def test_its_page_is_printed_with_its_example(code: str, pages: str) -> None:
    entry = catalogue.get(code)
    assert code in entry.example
    printed = re.split(r"\n\n(?=LKD\d{3}  )", f"\n\n{pages}")[1:]
    mine = printed[codes().index(code)]
    assert mine.startswith(f"{code}  {entry.name}\n{entry.title}\n")
    for line in entry.example.splitlines():
        assert f"    {line}\n" in f"{mine}\n"
