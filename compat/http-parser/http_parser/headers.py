"""Response headers, found by a name in any case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Headers(Mapping[str, str]):
    """Headers in the order and spelling received; values of a repeated header are joined by a comma and a space."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._entries: dict[str, tuple[str, str]] = {}
        for raw_name, raw_value in pairs:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            spelling, known = self._entries.get(name.lower(), (name, None))
            self._entries[name.lower()] = (spelling, value if known is None else f"{known}, {value}")

    def __getitem__(self, name: str) -> str:
        return self._entries[name.lower()][1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._entries

    def __iter__(self) -> Iterator[str]:
        return (spelling for spelling, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
