"""A program that places calls and did not reach LiveKit: tracebacks of its SDKs, which end with the network's words.

Only those that go through LiveKit's client: a database that refuses a connection has the same words.
"""

import re
from collections.abc import Iterator

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import ApiRefusal
from livekit_doctor.evidence.pasted.api_errors import method_in
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.redact import redact_text

_WORDS = lazy_re.compile(
    r"ECONNREFUSED|ENOTFOUND|EAI_AGAIN|getaddrinfo|ClientConnector\w*Error|CERT_HAS_EXPIRED|self[- ]signed certificate"
    r"|unable to (?:get (?:local )?issuer|verify the first) certificate"
)
_CLIENT = lazy_re.compile(r"twirp_client|TwirpRpc", re.IGNORECASE)
_ABOVE = 25
"""Lines of a traceback above its words in which the client and its method are looked for."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """Each once, in lines that are nothing else's."""
    last = -1
    for number, line in enumerate(excerpt.lines):
        if number in excerpt.taken or not _WORDS.search(line[:2_000]):
            continue
        above = excerpt.lines[max(last + 1, number - _ABOVE) : number]
        method = next((found for text in reversed(above) if (found := method_in(text))), "")
        if method and any(map(_CLIENT.search, above)):
            last = number
            message = shortened(redact_text(line.strip()), 300)
            yield Found(
                "connection error", number, number, (ApiRefusal(read=context.read, method=method, message=message),)
            )
