"""What `lint` does: read the source under some paths, gather its facts, judge them.

Nothing is run, imported or asked: no network, no clock but for how long it took.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from livekit_doctor import lazy_re
from livekit_doctor.errors import UserError
from livekit_doctor.lint import sip_files
from livekit_doctor.lint.facts import Place, Unfollowed
from livekit_doctor.lint.gathering import gather
from livekit_doctor.lint.project import Project
from livekit_doctor.lint.result import Linted, Located
from livekit_doctor.lint.rules import RULES
from livekit_doctor.lint.rules.agents import explained, is_named, unjudged
from livekit_doctor.lint.rules.judged import Judged
from livekit_doctor.settings import Settings

_IGNORE = lazy_re.compile(r"(?:#|//|/\*|--)\s*livekit-doctor:\s*ignore\b((?:[\s,]+LKD\d{3})*)", re.IGNORECASE)


def lint(
    paths: Iterable[Path], settings: Settings, configured: Callable[[str], Place | None] = lambda _: None
) -> Linted:
    """Judges the source under `paths`. `configured` is where a key of the configuration stands, such as
    flow.states.ringing, None where it does not stand in a file.

    Raises UserError for a path that is not there.
    """
    began = time.monotonic()
    given = tuple(paths)
    for path in given:
        if not path.exists():
            raise UserError("LKD001", f"{path}: no such file or folder", "livekit-doctor lint FOLDER")
    table = settings.call_logs.table
    project = Project(given, (table,))
    facts = gather(project, table)
    judged = Judged(facts, settings, configured)
    found = [one for rule in RULES for one in rule(judged)]
    found += _of_sip_files(project, judged)
    once = list({(one.place, one.finding.code, one.finding.because[0].text): one for one in found}.values())
    kept = [one for one in once if not _is_ignored(one, project)]
    kept.sort(key=lambda one: (one.place, one.finding.code))
    return Linted(
        paths=tuple(map(str, given)),
        findings=tuple(kept),
        files=len(project.sources) + len(project.deployment) + len(project.texts),
        parsed=sum(source.module is not None for source in project.sources.values()),
        ignored=len(once) - len(kept),
        tests=project.tests,
        explained=tuple(explained(judged, kept)),
        unfollowed=(*facts.unfollowed, *(Unfollowed(*one) for one in unjudged(judged))),
        skipped=tuple(project.skipped),
        took=time.monotonic() - began,
    )


def _of_sip_files(project: Project, judged: Judged) -> Iterator[Located]:
    """Trunks and rules in files, where the one named worker is the team's agent unless the configuration says."""
    names = {worker.agent_name.text for worker in judged.workers if is_named(worker) and worker.agent_name}
    settings = judged.settings
    if settings.agent.name is None and len(names) == 1 and None not in names:
        from msgspec.structs import replace

        settings = replace(settings, agent=replace(settings.agent, name=names.pop()))
    for path, text in project.texts.items():
        for finding, place in sip_files.findings(path, text, settings):
            yield Located(finding, place)


def _is_ignored(one: Located, project: Project) -> bool:
    """By a comment on its line."""
    place = one.place
    source = project.sources.get(place.path)
    text = source.text if source else project.deployment.get(place.path, "")
    lines = text.splitlines()
    comment = _IGNORE.search(lines[place.line - 1]) if 0 < place.line <= len(lines) else None
    if comment is None:
        return False
    codes = re.findall(r"LKD\d{3}", comment[1].upper())
    return not codes or one.finding.code in codes
