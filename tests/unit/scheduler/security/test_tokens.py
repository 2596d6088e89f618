"""The lines of a token file."""

from __future__ import annotations

import pytest

from scheduler.security.tokens import Role, Token, TokenFileError, new_token, parse_tokens, read_tokens

FILE = "# operators\nalice:alices-token\n\nnobodys-token\nbob:read:bobs-token\ncarol:operate:a:second:colon\n"


def test_lines() -> None:
    assert parse_tokens(FILE) == (
        Token("alice", "alices-token"),
        Token("token-4", "nobodys-token"),
        Token("bob", "bobs-token", Role.READ),
        Token("carol", "a:second:colon", Role.OPERATE),
    )


@pytest.mark.parametrize("text", ["alice:with:colons-in-it", "alice:deploy:secret-token"])
def test_a_token_may_have_colons(text: str) -> None:
    assert parse_tokens(text) == (Token("alice", text.removeprefix("alice:")),)


@pytest.mark.parametrize(
    "text",
    [
        "", "#\n", "short", "a:short", "a:read:short", ":long-enough", "with blank inside", "ünïcödé-token",
        "a:Admin:long-enough", "a:raed:long-enough", "a:reader:long-enough", "a:readonly:long-enough",
        "a:administrator:long-enough", "a:scrypt:x:y:z", "scrypt:0:1:2",
        "a:read:scrypt:x", "a:whatever:scrypt:0011223344556677:AAAA:AAAA", "a:admin:scrypt:::", "a:tab\there-it-is",
        "a:" + "x" * 2000, "a\x1b:long-enough", "x" * 2000 + ":long-enough",
    ],
)  # fmt: skip
def test_unusable(text: str) -> None:
    with pytest.raises(TokenFileError) as problem:
        parse_tokens(text)
    assert "long-enough" not in str(problem.value)


def test_lines_that_are_right_count_beside_one_that_is_not() -> None:
    tokens, problems = read_tokens("short\nalice:alices-token")
    assert [token.name for token in tokens] == ["alice"]
    assert problems == ("line 1 is not a token of at least 8 printable characters",)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Token("alice", "secret-token"))


def test_a_hash_knows_its_token() -> None:
    token, line = new_token("alice", Role.CONFIGURE)
    [stored] = parse_tokens(line)
    assert (stored.name, stored.role, stored.secret) == ("alice", Role.CONFIGURE, "")
    assert token not in line
    assert token.partition(".")[2] not in line
    assert stored.matches(token)
    assert not stored.matches(token[:-1])
    assert not stored.matches(line)


@pytest.mark.parametrize("name", ["", "a:b", "with blank", "#", "ä", "a\nb", "x" * 65])
def test_names_of_new_tokens(name: str) -> None:
    with pytest.raises(TokenFileError):
        new_token(name, Role.READ)
