"""Takes the pictures of README.md and docs/: `python -m tests.lab.screenshots` (1 minute).

It places calls in a real livekit-server, with a real worker, a real Postgres and the lab's phone, types
the commands in a real terminal (tmux) and keeps what that shows; the report is opened in a real browser.
Each run has to come to the verdict that its picture is about. Then it replaces the files in docs/images,
and the bundle by which tests/docs/test_images.py holds trace.svg to what the tool prints now.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml
from livekit import api
from playwright.sync_api import FloatRect, Locator
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.cli.command_line import run
from tests.lab.edge import Edge, log_row
from tests.lab.modes import WorkerSettings
from tests.lab.phone import Call, Phone
from tests.lab.servers import Database, LiveKitServer, Postgres, Redis
from tests.lab.support import until
from tests.lab.tmux import Pane
from tests.lab.worker import Worker
from tests.render.html.opened import Theme, browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"
BUNDLE = Path(__file__).parents[1] / "docs" / "trace.json.gz"

AGENT, MISNAMED = "Front Desk", "front-desk"
CALL, ROOM = "call-0042", "outbound-0042"
CALLEE, CALLER_ID, INBOUND_NUMBER = "+15555550123", "+15555550100", "+15555550199"

COLUMNS = 100
WIDTH = 1100
"""Of the report's page, in CSS pixels."""
CUT = "\N{VERTICAL ELLIPSIS}"
"""Begins the last line of a picture that ends before the output does."""
THEME = TerminalTheme(
    background=(22, 27, 34),
    foreground=(230, 237, 243),
    normal=[
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (230, 237, 243),
    ],
)
"""The colours of ANSI's names: readable on their background, which goes with a light page and with a dark one."""

SVG = """\
<svg viewBox="0 0 {{width}} {{height}}" xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title output">
<title id="title">{title}</title>
<desc id="output">{output}</desc>
<style>
.{{unique_id}}-matrix {{{{
  font-family: ui-monospace, "SF Mono", Menlo, "Cascadia Mono", "DejaVu Sans Mono", Consolas, monospace;
  font-size: {{char_height}}px;
  line-height: {{line_height}}px;
}}}}
{{styles}}
</style>
<defs>
<clipPath id="{{unique_id}}-clip-terminal">
<rect x="0" y="0" width="{{terminal_width}}" height="{{terminal_height}}"/>
</clipPath>
{{lines}}
</defs>
{{chrome}}
<g transform="translate({{terminal_x}}, {{terminal_y}})" clip-path="url(#{{unique_id}}-clip-terminal)">
{{backgrounds}}
<g transform="translate({{char_width}}, 0)" class="{{unique_id}}-matrix">
{{matrix}}
</g>
</g>
</svg>
"""
"""Rich's own, but with the text for those who can't see it, and without a font from elsewhere."""


def drawing(title: str, screen: str, *, up_to: str = "") -> str:
    """A screen with ANSI codes as SVG; with `up_to` it ends before the line that begins so, and says it."""
    lines = list(Text.from_ansi(screen.rstrip()).split("\n"))
    if up_to:
        end = next(number for number, line in enumerate(lines) if line.plain.lstrip().startswith(up_to))
        lines[end:] = [Text(f"{CUT} {len(lines) - end} more lines", "dim italic")]
    console = Console(record=True, width=COLUMNS + 2, file=io.StringIO(), highlight=False)
    for line in [*lines, Text()]:
        console.print(line, no_wrap=True, crop=True, overflow="crop")
    output = "\n".join(line.plain for line in lines)
    form = SVG.format(title=in_format(title), output=in_format(output))
    return console.export_svg(title="", theme=THEME, code_format=form, unique_id="screen", font_aspect_ratio=0.6)


def in_format(text: str) -> str:
    """Text as XML, in a string that will be formatted."""
    return escape(text, quote=False).replace("{", "{{").replace("}", "}}")


# The scene


@dataclass(frozen=True)
class Scene:
    """Servers with trunks and a rule that are as they should be, and the folder of a team's project."""

    folder: Path
    server: LiveKitServer
    database: Database
    edge: Edge

    @contextmanager
    def worker(self, agent_name: str) -> Iterator[Worker]:
        """A worker, and a checks.yaml that says where it is and that it should be `AGENT`."""
        with Worker(self.folder.parent, self.server, WorkerSettings(agent_name)) as worker:
            (outbound,), (inbound,), (rule,) = (
                self.edge.outbound_trunks(),
                self.edge.inbound_trunks(),
                self.edge.rules(),
            )
            settings = {
                "agent": {"name": AGENT},
                "workers": [{"url": worker.http_url}],
                "sip": {
                    "outbound_trunks": [{"id": outbound.sip_trunk_id, "numbers": [CALLER_ID]}],
                    "inbound_trunks": [inbound.sip_trunk_id],
                    "dispatch_rules": [{"id": rule.sip_dispatch_rule_id, "agent": AGENT}],
                },
                "call_logs": {"columns": {"room": "metadata.room"}},
            }
            (self.folder / "checks.yaml").write_text(yaml.safe_dump(settings))
            yield worker

    @contextmanager
    def call_without_dispatch(self) -> Iterator[None]:
        """The edge function makes a room and dials; that the agent has to be dispatched it does not know.
        Until that is beyond doubt, and as long as this lasts."""
        self.edge.create_room(ROOM)
        log_row(self.database, CALL, "room_created", metadata={"room": ROOM})
        (trunk,) = self.edge.outbound_trunks()
        call = Call(number=CALLEE, caller_id=CALLER_ID, trunk_id=trunk.sip_trunk_id)
        with Phone(self.server, ROOM, call=call) as phone:
            log_row(self.database, CALL, "sip_participant_created", metadata={"room": ROOM})
            phone.ring()
            phone.answer()
            until(self._is_proven, what="the trace to be sure")
            yield
        self.edge.delete_room(ROOM)

    def _is_proven(self) -> bool:
        broken = run("trace", CALL, "--format", "json", cwd=self.folder).json["broken"]
        return [(one["code"], one["confidence"]) for one in broken] == [("LKD401", "proven")]


@contextmanager
def live_scene(base: Path) -> Iterator[Scene]:
    """Starts the servers; their logs are beside the project's folder, `base`/project."""
    folder = base / "project"
    folder.mkdir()
    with Redis(base) as redis, LiveKitServer(base, redis) as server, Postgres(base) as postgres:
        edge, database = Edge(server), postgres.create_database()
        trunk = api.SIPOutboundTrunkInfo(name="carrier", address="sip.example.com", numbers=[CALLER_ID])
        edge.create_outbound_trunk(trunk)
        inbound = edge.create_inbound_trunk(
            api.SIPInboundTrunkInfo(name="carrier-in", numbers=[INBOUND_NUMBER], allowed_addresses=["203.0.113.0/24"])
        )
        edge.create_rule(
            api.SIPDispatchRuleInfo(
                name="inbound",
                trunk_ids=[inbound.sip_trunk_id],
                rule=api.SIPDispatchRule(dispatch_rule_individual=api.SIPDispatchRuleIndividual(room_prefix="in-")),
                room_config=api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=AGENT)]),
            )
        )
        environment = {
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
            "CALL_LOGS_DATABASE_URL": f"'{database.dsn}'",
        }
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
        try:
            yield Scene(folder, server, database, edge)
        finally:
            edge.close()


# The pictures


def check_picture(scene: Scene) -> str:
    """The worker runs under a name that is nearly right."""
    with scene.worker(MISNAMED), Pane(scene.folder, columns=COLUMNS) as pane:
        screen = pane.run("livekit-doctor check")
    expect(screen, "LKD102", "1 failed")
    return drawing("livekit-doctor check in a terminal", screen)


def trace_picture(scene: Scene) -> str:
    with Pane(scene.folder, columns=COLUMNS) as pane:
        screen = pane.run(f"livekit-doctor trace {CALL}")
    expect(screen, "LKD401", "proven")
    return drawing("livekit-doctor trace in a terminal", screen, up_to="- Or name the agent")


def report_pictures(scene: Scene) -> Iterator[tuple[str, bytes]]:
    """The report's verdict with its fix, and its diagram; each light and dark."""
    ran = run("trace", CALL, "--output", "report.html", cwd=scene.folder)
    expect(ran.stdout, "LKD401", "proven")
    themes: tuple[tuple[Theme, str], ...] = (("light", ""), ("dark", "-dark"))
    with browser() as chrome:
        for theme, ending in themes:
            page = chrome.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=theme)
            page.goto((scene.folder / "report.html").as_uri())
            happened = box_of(page.locator("section", has=page.locator("#happened")))
            left, top = happened["x"] + 8, happened["y"] + 8
            legend = box_of(page.locator(".legend"))
            verdict: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": happened["y"]}
            diagram: FloatRect = {
                "x": left,
                "y": top,
                "width": happened["width"] - 16,
                "height": legend["y"] + legend["height"] - top + 4,
            }
            yield f"report{ending}.png", page.screenshot(full_page=True, clip=verdict)
            yield f"diagram{ending}.png", page.screenshot(full_page=True, clip=diagram)


def box_of(element: Locator) -> FloatRect:
    box = element.bounding_box()
    assert box, "it is not on the page"
    return box


def expect(screen: str, *words: str) -> None:
    """Ends the program unless the screen has each of these."""
    if missing := [word for word in words if word not in screen]:
        raise SystemExit(f"no {' and no '.join(missing)} in:\n{screen}")


def pictures_of(scene: Scene) -> Iterator[tuple[str, bytes]]:
    """Each picture's file name and content."""
    yield "check.svg", check_picture(scene).encode()
    with scene.worker(AGENT), Pane(scene.folder, columns=COLUMNS) as pane:
        pane.type("livekit-doctor watch --interval 5")
        pane.wait_for("next in")
        with scene.call_without_dispatch():
            screen = pane.wait_for("passed -> failed", "next in")
            pane.interrupt()
            yield "watch.svg", drawing("livekit-doctor watch in a terminal", screen).encode()
            yield "trace.svg", trace_picture(scene).encode()
            yield from report_pictures(scene)
            BUNDLE.unlink(missing_ok=True)
            run("trace", CALL, "--save", str(BUNDLE), cwd=scene.folder)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="livekit-doctor-pictures-") as name, live_scene(Path(name)) as scene:
        for file, content in pictures_of(scene):
            for secret in (scene.server.api_key, scene.server.api_secret, scene.database.dsn, name):
                if secret.encode() in content:
                    raise SystemExit(f"{file} shows {secret}")
            (IMAGES / file).write_bytes(content)
            print(f"{file}  {len(content) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
