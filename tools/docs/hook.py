"""MkDocs calls this while it builds: pages that are generated, and what pages ask for.

A page asks with a comment of its own line, `<!-- options: check -->`; ASKED has all there are. Codes such as
LKD401 become links to their pages.
"""

import posixpath
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # MkDocs loads this file by its path

from mkdocs.exceptions import PluginError  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402

from livekit_doctor import catalogue  # noqa: E402
from tools.docs import codes, commands, configuration, formats  # noqa: E402

ASKED: dict[str, Callable[[str], str]] = {
    "options": commands.options,
    "commands": lambda _: commands.summary(),
    "output": lambda said: f"```text\n$ livekit-doctor {said}\n{commands.output(said.split())}\n```",
    "formats": lambda _: formats.table(),
    "codes": lambda _: codes.table(),
    "sip statuses": lambda _: codes.statuses(),
    "configuration": lambda _: configuration.reference(),
    "variables": lambda _: configuration.variables(),
}

_ASKS = re.compile(r"^<!-- ([a-z ]+?)(?:: (.+))? -->$", re.MULTILINE)
_CODE_OR_LINK = re.compile(r"(^ *```.*?^ *```$|`[^`\n]+`|\[[^\]\n]*\]\([^)\n]*\)|^#[^\n]*$)", re.DOTALL | re.MULTILINE)


def on_config(config: Any) -> Any:
    """Puts every command and every code into the navigation."""
    for entry in config["nav"]:
        if "Commands" in entry:
            entry["Commands"] += [f"commands/{name}.md" for name in commands.commands()]
        if "Codes" in entry:
            entry["Codes"] += [
                {title: [{f"{code} {catalogue.get(code).name}": f"codes/{code}.md"} for code in codes.of_group(digit)]}
                for digit, title in catalogue.GROUPS.items()
            ]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the page of each code, and one for a command that has none written by hand."""
    for code in catalogue.codes():
        files.append(File.generated(config, f"codes/{code}.md", content=codes.page(code)))
    known = commands.commands()
    for name in known:
        if files.get_file_from_path(f"commands/{name}.md") is None:
            text = f"# {name}\n\n<!-- options: {name} -->\n"
            files.append(File.generated(config, f"commands/{name}.md", content=text))
    for file in list(files):
        folder, name = posixpath.split(file.src_uri)
        if folder == "commands" and name.removesuffix(".md") not in {*known, "index"}:
            raise PluginError(f"{file.src_uri}: there is no such command")
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fills in what the page asks for, and links the codes."""
    name = page.file.src_uri

    def answer(match: re.Match[str]) -> str:
        if match[1] not in ASKED:
            raise PluginError(f"{name}: nothing is called {match[1]!r}")
        return ASKED[match[1]](match[2] or "")

    return linked(_ASKS.sub(answer, markdown), name)


def linked(markdown: str, page: str) -> str:
    """The text with each code that stands outside of code, headings and links as a link."""

    def link(match: re.Match[str]) -> str:
        target = f"codes/{match[0]}.md"
        if target == page or match[0] not in catalogue.codes():
            return match[0]
        return f"[{match[0]}]({posixpath.relpath(target, posixpath.dirname(page) or '.')})"

    parts = _CODE_OR_LINK.split(markdown)
    return "".join(part if number % 2 else re.sub(r"\bLKD\d{3}\b", link, part) for number, part in enumerate(parts))
