"""The tokens of executors: valid ones, wrong ones, and those of another executor."""

from __future__ import annotations

import pytest

from localmesos.protocol.executor_tokens import claims_problem, make_token, refusal

KEY = b"key"


def bearer(key: bytes = KEY, framework: str = "f", executor: str = "e", container: str = "c") -> str:
    return f"Bearer {make_token(key, framework, executor, container)}"


def test_signatures() -> None:
    assert refusal(KEY, bearer()) is None
    assert "signature does not match" in (refusal(KEY, bearer(b"other")) or "")
    assert "Expected 3 components" in (refusal(KEY, "Bearer x") or "")
    assert "unsupported" in (refusal(KEY, "Basic x") or "")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (bearer(), None),
        (bearer(framework="g"), "an 'fid' claim with the framework ID f, which is set in the call"),
        (bearer(executor="g"), "an 'eid' claim with the executor ID e, which is set in the call"),
        (bearer(container="g"), "a 'cid' claim with the correct active ContainerID"),
    ],
)
def test_claims(header: str, words: str | None) -> None:
    problem = claims_problem(header, "f", "e", "c")
    assert (problem or "").endswith(words or "")
    assert (problem is None) == (words is None)
