"""JSON documents that the tool prints, and whether each keeps to the schema that it names."""

import json
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from livekit_doctor.render.json.schemas import schema_of


def validated(text: str) -> Any:
    """The document; raises jsonschema_rs.ValidationError where it does not keep to its schema."""
    document = json.loads(text)
    validator(document["schema"]).validate(document)
    return document


@cache
def validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(schema), validate_formats=True)
