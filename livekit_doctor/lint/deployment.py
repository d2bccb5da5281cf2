"""How a worker is started and stopped: Dockerfiles, Procfiles, docker-compose and Kubernetes manifests."""

import json
import os
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from livekit_doctor import lazy_re
from livekit_doctor.lint.facts import Environment, NoGrace, Place, Start
from livekit_doctor.lint.imports import upwards

_MODES = ("dev", "console")
_MANAGERS, _RUN = ("npm", "pnpm", "yarn", "bun"), ("run", "run-script")
"""What starts a script of package.json, and its words for that."""
_COMPOSE_DEFAULT, _KUBERNETES_DEFAULT = 10.0, 30.0
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEVELOPMENT = lazy_re.compile(r"(?:^|[._/-])(?:dev|development|local|test|debug|override)(?:[._/-]|$)", re.IGNORECASE)
_WORTH = lazy_re.compile(r"services:|containers:|LIVEKIT_AGENT_NAME")


class DeploymentReader:
    """`workers` are the names of the files that have a worker, such as agent.py; `texts` are the files by their paths
    that a command may lead to: package.json, scripts of a shell."""

    def __init__(self, workers: Iterable[str], texts: Mapping[str, str]) -> None:
        self._workers = set(workers)
        self._texts = {_slashed(path): text for path, text in texts.items()}
        self.starts: list[Start] = []
        self._graces: list[tuple[NoGrace, str]] = []
        """The latter is the Dockerfile whose command counts, where the manifest has none."""
        self._starting: set[str] = set()
        """The Dockerfiles that start a worker."""
        self.environment: list[Environment] = []

    @property
    def no_grace(self) -> tuple[NoGrace, ...]:
        return tuple(one for one, image in self._graces if not image or image in self._starting)

    def read(self, path: str, text: str) -> None:
        name = _slashed(path).rpartition("/")[2]
        if "Dockerfile" in name:
            self._dockerfile(path, text)
        elif name.endswith("Procfile"):
            for number, line in enumerate(text.splitlines(), 1):
                self._start(_words(line.partition(":")[2]), Place(path, number))
        elif name.endswith((".yml", ".yaml")) and _WORTH.search(text):
            self._manifest(path, text)

    def _dockerfile(self, path: str, text: str) -> None:
        """The last CMD and ENTRYPOINT are those that count."""
        command: dict[str, tuple[int, list[str]]] = {}
        for number, line in _instructions(text):
            word, _, rest = line.partition(" ")
            match word.upper():
                case "FROM":
                    command = {}
                case "CMD" | "ENTRYPOINT":
                    command[word.upper()] = (number, _words(rest.strip()))
                case "ENV":
                    for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', rest) or [rest.split(None, 1)]:
                        self.environment.append(Environment(Place(path, number), name, value.strip('"')))
        words = [*command.get("ENTRYPOINT", (0, []))[1], *command.get("CMD", (0, []))[1]]
        if words:
            number = next(at for at, some in (command.get("CMD", (0, [])), command.get("ENTRYPOINT", (0, []))) if some)
            if self._start(words, Place(path, number)):
                self._starting.add(posixpath.normpath(_slashed(path)))

    def _start(self, typed: list[str], place: Place) -> bool:
        """Whether it starts a worker; in a mode for development it is told."""
        words = self._behind(typed, posixpath.dirname(_slashed(place.path)))
        for number, word in enumerate(words):
            name = word.rpartition("/")[2]
            is_module = number > 0 and words[number - 1] == "-m"
            if not (name.endswith((".py", ".js", ".ts", ".mjs")) or is_module):
                continue
            file = f"{word.rpartition('.')[2]}.py" if is_module else name
            known = file in self._workers or file.rpartition(".")[0] in {
                one.rpartition(".")[0] for one in self._workers
            }
            mode = next((one for one in words[number + 1 :] if not one.startswith("-")), "")
            if mode in _MODES and known:
                development = bool(_DEVELOPMENT.search(os.path.basename(place.path)))
                command = " ".join(words) if words is typed else f"{' '.join(typed)} ({' '.join(words)})"
                self.starts.append(Start(place, command, mode, development))
            return known and mode in ("", "start", "connect", *_MODES)
        return False

    def _behind(self, words: list[str], folder: str) -> list[str]:
        """The command that npm or a script of a shell leads to, of the files in this folder or above it."""
        manager = next((place for place, word in enumerate(words) if word in _MANAGERS), None)
        if manager is not None:
            asked = [word for word in words[manager + 1 :] if not word.startswith("-") and word not in _RUN]
            scripts = _scripts(self._beside(folder, "package.json"))
            return _words(str(scripts[asked[0]])) + asked[1:] if asked and asked[0] in scripts else words
        script = next((word for word in words if word.endswith((".sh", ".bash"))), None)
        last = [line for _, line in _instructions(self._beside(folder, script))] if script else []
        return [*_words(last[-1]), *words[words.index(script) + 1 :]] if script and last else words

    def _beside(self, folder: str, name: str) -> str:
        """The text of the nearest file of this name; empty where there is none."""
        paths = (posixpath.join(one, posixpath.basename(name)) for one in upwards(folder))
        return next((self._texts[path] for path in paths if path in self._texts), "")

    # Manifests

    def _manifest(self, path: str, text: str) -> None:
        try:
            documents = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
        except (yaml.YAMLError, ValueError, RecursionError):
            return
        for document in documents:
            if document is None:
                continue
            services = _at(document, "services")
            if isinstance(services, yaml.MappingNode):
                for key, service in services.value:
                    self._service(path, key, service)
            for template in _pod_templates(document):
                self._pod(path, template)

    def _service(self, path: str, key: yaml.Node, service: yaml.Node) -> None:
        self._variables(path, _at(service, "environment"))
        command = _at(service, "command")
        words = [*_list(_at(service, "entrypoint")), *_list(command)]
        image = "" if words else _built_from(path, _at(service, "build"))
        is_worker = bool(image) or self._start(words, _place(path, command or service))
        if is_worker and not _DEVELOPMENT.search(os.path.basename(path)):
            grace = _at(service, "stop_grace_period")
            seconds = _duration(str(grace.value)) if isinstance(grace, yaml.ScalarNode) else None
            place = _place(path, grace or key)
            self._graces.append((NoGrace(place, "stop_grace_period", seconds, _COMPOSE_DEFAULT), image))

    def _pod(self, path: str, spec: yaml.Node) -> None:
        containers = _at(spec, "containers")
        for container in containers.value if isinstance(containers, yaml.SequenceNode) else ():
            self._variables(path, _at(container, "env"))
            given = _at(container, "args") or _at(container, "command")
            words = [*_list(_at(container, "command")), *_list(_at(container, "args"))]
            if not self._start(words, _place(path, given or container)):
                continue
            grace = _at(spec, "terminationGracePeriodSeconds")
            seconds = _duration(str(grace.value)) if isinstance(grace, yaml.ScalarNode) else None
            place = _place(path, grace or container)
            self._graces.append((NoGrace(place, "terminationGracePeriodSeconds", seconds, _KUBERNETES_DEFAULT), ""))

    def _variables(self, path: str, node: yaml.Node | None) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(value, yaml.ScalarNode):
                    self.environment.append(Environment(_place(path, value), str(key.value), str(value.value)))
        elif isinstance(node, yaml.SequenceNode):
            for one in node.value:
                if isinstance(one, yaml.ScalarNode):
                    name, equals, text = str(one.value).partition("=")
                    if equals:
                        self.environment.append(Environment(_place(path, one), name, text))
                else:
                    named, valued = _at(one, "name"), _at(one, "value")
                    if isinstance(named, yaml.ScalarNode) and isinstance(valued, yaml.ScalarNode):
                        told = Environment(_place(path, valued), str(named.value), str(valued.value))
                        self.environment.append(told)


def _slashed(path: str) -> str:
    """As Dockerfiles and manifests write paths, on Windows too."""
    return path.replace("\\", "/")


def _scripts(package: str) -> dict[str, Any]:
    try:
        found = json.loads(package or "{}")["scripts"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _built_from(path: str, build: yaml.Node | None) -> str:
    """The Dockerfile that a service of this compose file is built from; empty where it is not built."""
    if build is None:
        return ""
    parts = (build, None) if isinstance(build, yaml.ScalarNode) else (_at(build, "context"), _at(build, "dockerfile"))
    context, file = (str(one.value) if isinstance(one, yaml.ScalarNode) else "" for one in parts)
    folder = posixpath.dirname(_slashed(path))
    return posixpath.normpath(posixpath.join(folder, context, file or "Dockerfile"))


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Of a Dockerfile, or the commands of a shell's script, each with its line; a backslash joins lines."""
    current, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        begun = begun or number
        if stripped.endswith("\\"):
            current += stripped[:-1] + " "
            continue
        yield begun, current + stripped
        current, begun = "", 0


def _words(command: str) -> list[str]:
    """Of a command in the form of a list, or as a shell has it."""
    if command.startswith("["):
        try:
            listed: Any = json.loads(command)
        except ValueError:
            return []
        command_of_shell = [str(one) for one in listed] if isinstance(listed, list) else []
        if len(command_of_shell) == 3 and command_of_shell[1] in ("-c", "-lc"):
            return _words(command_of_shell[2])
        return command_of_shell
    try:
        words = shlex.split(command)
    except ValueError:
        return command.split()
    for sign in ("&&", ";"):
        while sign in words:
            words = words[words.index(sign) + 1 :]
    return words


def _at(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    found: yaml.Node | None = next((value for name, value in node.value if name.value == key), None)
    return found


def _list(node: yaml.Node | None) -> list[str]:
    if isinstance(node, yaml.ScalarNode):
        return _words(str(node.value))
    if isinstance(node, yaml.SequenceNode):
        words = [str(one.value) for one in node.value if isinstance(one, yaml.ScalarNode)]
        return _words(words[2]) if len(words) == 3 and words[1] in ("-c", "-lc") else words
    return []


def _pod_templates(node: yaml.Node) -> Iterator[yaml.Node]:
    """The `spec`s that have containers."""
    stack, seen = [node], set()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.MappingNode):
            if _at(one, "containers") is not None:
                yield one
            stack.extend(value for _, value in one.value)
        elif isinstance(one, yaml.SequenceNode):
            stack.extend(one.value)


def _place(path: str, node: yaml.Node) -> Place:
    return Place(path, node.start_mark.line + 1, node.start_mark.column + 1)


def _duration(text: str) -> float | None:
    """1m30s, 90, 1h: seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else None
