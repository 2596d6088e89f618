"""Figures of another process that can be shown."""

from __future__ import annotations

import math

import pytest

from executor.figures import Figures, Requests, is_sound
from executor.protocol import NodeStatus, StatusReply, encode_message, parse_message


@pytest.mark.parametrize(
    ("figures", "sound"),
    [
        (Figures(), True),
        (Figures(owns=0.5, dropped={"READ_REQ": 1}, read=Requests(1, 2, 3.0, 4.0, 5)), True),
        (Figures(owns=-0.5), False),
        (Figures(owns=math.inf), False),
        (Figures(write=Requests(p99=math.inf)), False),
        (Figures(dropped={"READ_REQ": -1}), False),
        (Figures(dropped={str(number): 1 for number in range(1000)}), False),
        (Figures(dropped={"x" * 1000: 1}), False),
    ],
)
def test_sound_figures(figures: Figures, sound: bool) -> None:
    assert is_sound(figures) is sound


def test_a_reply_carries_them_in_few_bytes() -> None:
    figures = Figures(0.1, 2, {"READ_REQ": 1}, 3, 0, 10**10, 10**10, 99, 10**5, 10**12, 10**12, 10**12)
    figures = Figures(**{**figures.__dict__, "read": Requests(10**9, 10**12, 150.5, 900.5, 3)})
    plain = NodeStatus("NORMAL", live=("10.0.0.1",))
    reply = StatusReply("q", "node-0", "t", NodeStatus("NORMAL", live=("10.0.0.1",), figures=figures))
    assert parse_message(encode_message(reply)) == reply
    assert len(encode_message(reply)) - len(encode_message(StatusReply("q", "node-0", "t", plain))) < 700
