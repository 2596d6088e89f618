import io
from collections.abc import Iterable

class Unreader:
    buf: io.BytesIO
    def __init__(self) -> None: ...
    def chunk(self, size_hint: int | None = None) -> bytes: ...

class IterUnreader(Unreader):
    def __init__(self, iterable: Iterable[bytes]) -> None: ...
