"""RecordIO, the framing of Mesos' event streams: the length in decimal, a line feed, then that many bytes."""

_MAX_LENGTH_DIGITS = 20


class RecordError(ValueError):
    """The stream is not RecordIO."""


def encode(record: bytes) -> bytes:
    """One record as it goes over the wire."""
    return b"%d\n%b" % (len(record), record)


class Decoder:
    """Cuts a byte stream, fed in pieces of any size, into records."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The records that are complete with `data`; RecordError for a broken length, after which all is lost."""
        self._buffer += data
        records = []
        while (record := self._take()) is not None:
            records.append(record)
        return records

    def _take(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, _MAX_LENGTH_DIGITS + 1)
        if end < 0:
            if len(self._buffer) > _MAX_LENGTH_DIGITS:
                raise RecordError(f"no record length in {bytes(self._buffer[:_MAX_LENGTH_DIGITS])!r}")
            return None
        digits = bytes(self._buffer[:end])
        if not digits.isdigit():
            raise RecordError(f"{digits!r} is not a record length")
        stop = end + 1 + int(digits)
        if len(self._buffer) < stop:
            return None
        record = bytes(self._buffer[end + 1 : stop])
        del self._buffer[:stop]
        return record
