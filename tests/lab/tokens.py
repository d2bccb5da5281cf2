"""Access tokens for a lab server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import jwt
from livekit import api


class Credentials(Protocol):
    """Whose tokens: a LiveKitServer, for one."""

    @property
    def api_key(self) -> str: ...

    @property
    def api_secret(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Joiner:
    """Who joins a room with the token, and what room it makes if that room does not exist."""

    identity: str
    kind: api.AccessToken.ParticipantKind = "standard"
    attributes: Mapping[str, str] = field(default_factory=dict)
    room_config: api.RoomConfiguration | None = None


def access_token(
    credentials: Credentials,
    grants: api.VideoGrants,
    joiner: Joiner | None = None,
    *,
    valid_for: timedelta = timedelta(minutes=10),
    starts_in: timedelta = timedelta(),
) -> str:
    """A signed token; a negative `valid_for` makes one that has expired."""
    token = api.AccessToken(credentials.api_key, credentials.api_secret).with_grants(grants)
    if joiner:
        token = token.with_identity(joiner.identity).with_kind(joiner.kind)
        token = token.with_attributes(dict(joiner.attributes))
        if joiner.room_config:
            token = token.with_room_config(joiner.room_config)
    now = datetime.now(UTC)
    times = {"nbf": now + starts_in, "exp": now + starts_in + valid_for}
    claims = {**token.claims.asdict(), "sub": token.identity, "iss": credentials.api_key, **times}
    return jwt.encode(claims, credentials.api_secret, algorithm="HS256")
