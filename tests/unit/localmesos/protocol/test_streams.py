"""RecordIO framing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localmesos.protocol.streams import Decoder, RecordError, encode


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(min_value=1, max_value=50))
def test_any_cut_gives_the_records_back(records: list[bytes], size: int) -> None:
    stream = b"".join(map(encode, records))
    decoder = Decoder()
    found = [record for i in range(0, len(stream), size) for record in decoder.feed(stream[i : i + size])]
    assert found == records


@pytest.mark.parametrize("data", [b"x\n", b"-1\nx", b"\n", b"1" * 30])
def test_a_broken_length_is_an_error(data: bytes) -> None:
    with pytest.raises(RecordError):
        Decoder().feed(data)
