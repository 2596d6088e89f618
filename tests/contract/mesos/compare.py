"""Recorded and replayed JSON compared: the same but for ids, which must be used consistently, times and addresses."""

import re
from typing import Any

from localmesos.resources.arithmetic import Resources

Json = dict[str, Any]

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ID = re.compile(rf"{_UUID}(?:-S\d+|-O\d+|-\d{{4}})?")
_PORT = re.compile(r"(127\.0\.0\.\d):\d+")
_TOTAL = re.compile(r"(Total resources | required by .*? (?:than|are more than) available )")
_FREE = {"timestamp", "executor_pid", "port", "unreachable_time", "Date", "ip"}
"""Fields of which only the type is compared."""
_OPAQUE = {"uuid", "container_id"}
"""Fields whose values are made up anew each time."""


class Difference(AssertionError):
    """A difference between recording and answer, and its place."""


class Ids:
    """Recorded ids and the ones in their place."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}

    def learn(self, recorded: str, ours: str, path: str) -> None:
        if self._ours.setdefault(recorded, ours) != ours:
            raise Difference(f"{path}: {recorded} stood for {self._ours[recorded]} before, now for {ours}")

    def replace(self, recorded: str, ours: str) -> None:
        """Let `recorded` stand for another id from now on."""
        self._ours[recorded] = ours

    def get(self, recorded: str) -> str:
        return self._ours.get(recorded, recorded)

    def known(self, recorded: str) -> bool:
        return recorded in self._ours

    def translate(self, value: Any) -> Any:
        """Return a recorded value with our ids in it."""
        if isinstance(value, str):
            return self._ours.get(value) or _ID.sub(lambda match: self.get(match.group()), value)
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        if isinstance(value, dict):
            return {name: self.translate(item) for name, item in value.items()}
        return value

    def compare(self, recorded: Any, ours: Any, path: str = "") -> None:
        """Difference unless they say the same; learns ids that are new."""
        name = path.rpartition(".")[2]
        if name in _FREE:
            _compare_types(recorded, ours, path)
        elif isinstance(recorded, dict) and isinstance(ours, dict):
            self._compare_objects(recorded, ours, path)
        elif isinstance(recorded, list) and isinstance(ours, list):
            self._compare_lists(recorded, ours, path)
        elif isinstance(recorded, str) and isinstance(ours, str):
            self._compare_texts(recorded, ours, path)
        elif recorded != ours:
            raise Difference(f"{path}: recorded {recorded!r}, ours {ours!r}")

    def _compare_objects(self, recorded: Json, ours: Json, path: str) -> None:
        if set(recorded) != set(ours):
            missing, more = set(recorded) - set(ours), set(ours) - set(recorded)
            raise Difference(f"{path}: fields missing {sorted(missing)}, too many {sorted(more)} in {ours}")
        for name, value in recorded.items():
            field = path if name == "value" and path.rpartition(".")[2] in _OPAQUE else f"{path}.{name}"
            self.compare(value, ours[name], field)

    def _compare_lists(self, recorded: list[Any], ours: list[Any], path: str) -> None:
        if path.endswith("resources"):
            if Resources.parse(self.translate(recorded)) != Resources.parse(ours):
                raise Difference(f"{path}: recorded {recorded}, ours {ours}")
            return
        if len(recorded) != len(ours):
            raise Difference(f"{path}: recorded {recorded}, ours {ours}")
        for index, (left, right) in enumerate(zip(recorded, ours, strict=True)):
            self.compare(left, right, f"{path}[{index}]")

    def _compare_texts(self, recorded: str, ours: str, path: str) -> None:
        name = path.rpartition(".")[2]
        whole_id = _ID.fullmatch(recorded) is not None and _ID.fullmatch(ours) is not None
        if (name in _OPAQUE and recorded and ours) or (whole_id and not self.known(recorded)):
            self.learn(recorded, ours, path)
            return
        left, right = _canonical(self.translate(recorded)), _canonical(ours)
        if left != right:
            raise Difference(f"{path}: recorded {left!r}, ours {right!r}")


def _canonical(text: str) -> str:
    """Without ports and container ids; the pieces of resources in order; of an ExecutorInfo only that it is told."""
    if text.startswith("ExecutorInfo is not compatible"):
        return text.split("\n")[0]
    text = re.sub(rf"container '{_UUID}'", "container", _PORT.sub(r"\1", text))
    parts = _TOTAL.split(text)
    return "".join("; ".join(sorted(part.split("; "))) for part in parts)


def _compare_types(recorded: Any, ours: Any, path: str) -> None:
    kinds = (int | float if isinstance(value, int | float) else type(value) for value in (recorded, ours))
    left, right = kinds
    if left != right:
        raise Difference(f"{path}: recorded {recorded!r}, ours {ours!r}")
