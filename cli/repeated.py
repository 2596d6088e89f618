"""Names that are given twice. Only one of the two values could count, so a command refuses both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cli.errors import ExitCode, Failure


def once(pairs: Iterable[tuple[str, Any]], place: str = "") -> dict[str, Any]:
    """Return a mapping of pairs, which an error says to be in `place`.

    Raises:
        Failure: A name is there twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Failure(f"{name} is given twice{place and ' in '}{place}.", ExitCode.USAGE)
        found[name] = value
    return found


def read_yaml(text: str, place: str) -> Any:
    """Return what a YAML or JSON text holds; yaml.YAMLError, ValueError or RecursionError if it is none.

    Raises:
        Failure: A mapping has a name twice.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            # Before a merge (<<), which may repeat a name.
            once([(key.value, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)], place)
            return node

    return yaml.load(text, Loader)
