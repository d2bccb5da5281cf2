"""Fills a template. What was read stays text: everything is escaped, and nothing invisible gets through."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from livekit_doctor import __version__
from livekit_doctor.redact import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def rendered(template: str, page: dict[str, Any]) -> str:
    return _environment().get_template(template).render(page=page)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        auto_reload=False,
        finalize=_visible,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    style, script = _inline("page.css"), _inline("page.js")
    environment.filters.update(block=_block, prose=_prose, number="{:,}".format)
    environment.globals.update(
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        version=__version__,
    )
    return environment


def _visible(value: Any) -> Any:
    """Every text that a template prints is on one line, without characters that hide or turn others."""
    from markupsafe import Markup

    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _block(text: str) -> Markup:
    """A text whose line breaks count."""
    from markupsafe import escape

    return escape("").join(escape(printable(line)) + "\n" for line in text.split("\n"))


def _prose(text: str) -> Markup:
    """A sentence of the catalogue, in which code stands between backticks."""
    from markupsafe import Markup, escape

    parts = printable(text).split("`")
    if len(parts) % 2 == 0:  # one of them closes nothing
        return escape("`".join(parts))
    pieces = (Markup("<code>{}</code>").format(part) if n % 2 else escape(part) for n, part in enumerate(parts))
    return Markup("").join(pieces)


def _inline(name: str) -> Markup:
    """One of the package's own files, to stand in the page as it is."""
    from markupsafe import Markup

    return Markup((resources.files(__name__.rpartition(".")[0]) / "templates" / name).read_text(encoding="utf-8"))


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
