"""Node's errors with something before each of their lines."""

import pytest

from livekit_doctor.evidence.observations import ApiRefusal, SipCallResult
from tests.evidence.pasted.samples import pasted, reading, recognised

BUSY = """\
SipCallError: twirp error unknown: INVITE failed: sip status: 486 (BUSY_HERE)
    at TwirpRpc.request (file:///srv/app/node_modules/livekit-server-sdk/dist/TwirpRPC.js:64:15)
    at async SipClient.createSipParticipant (file:///srv/app/node_modules/livekit-server-sdk/dist/SipClient.js:412:18) {
  status: 429,
  code: 'resource_exhausted',
  metadata: {
    error_details: 'CAgSLElOVklURSBmYWlsZWQ6IHNpcCBzdGF0dXM6IDQ4Ng==',
    sip_status: 'Busy here',
    sip_status_code: '486'
  }
}"""
REFUSED = """\
Error [TwirpError]: permissions denied
    at async AgentDispatchClient.createDispatch (file:///app/node_modules/livekit-server-sdk/dist/x.js:52:18) {
  status: 401,
  code: 'unauthenticated',
  metadata: undefined
}"""


def prefixed(text: str, prefix: str) -> str:
    """Each line a little later than the one before it."""
    return "\n".join(f"{prefix.format(number + 10)}{line}" for number, line in enumerate(text.splitlines()))


@pytest.mark.parametrize(
    "prefix",
    [
        "09:41:17 | ",
        "09:41:{} | ",
        "app-1  | ",
        "2026-02-12 09:41:17,1{} ",
        "[09:41:17.1{}] ",
        "[app] ",
        "Feb 12 09:41:{} host node[123]: ",
        "  2026-02-12T09:41:17.{}Z ERROR dialer ",
    ],
)
def test_each_line_has_something_before_it(prefix: str) -> None:
    (result,) = reading(f"{prefixed(BUSY, prefix)}\nthat was it").observations
    assert isinstance(result, SipCallResult)
    assert (result.status, result.twirp_code) == (429, "resource_exhausted")
    assert (result.sip_status_code, result.sip_status) == (486, "Busy here")
    assert recognised(prefixed(BUSY, prefix)) == {"ServerError": 1, "lines": 0}
    (refusal,) = reading(prefixed(REFUSED, prefix)).observations
    assert isinstance(refusal, ApiRefusal)
    assert (refusal.status, refusal.twirp_code, refusal.message) == (401, "unauthenticated", "permissions denied")


def test_two_errors_with_other_lines_between_them() -> None:
    """The lines of the second end where the prefix does."""
    texts = [prefixed(BUSY.replace("486", status), "09:41:{} | ") for status in ("486", "603")]
    found = [item for item in reading("\n\nand then\n".join(texts)).observations if isinstance(item, SipCallResult)]
    assert {item.sip_status_code for item in found} == {486, 603}


def test_an_error_without_its_code_has_none() -> None:
    """`unknown` is Go's word for that, and not what the API answered."""
    first = BUSY.splitlines()[0]
    (item,) = pasted(f"09:41:17 | {first}").broken
    assert item.code == "LKD204"
    assert "unknown" not in item.because[0].text
