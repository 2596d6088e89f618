"""Names of client certificates, and the file of their roles."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.security.client_names import RolesFileError, name_of, parse_roles, read_roles
from scheduler.security.tokens import Role

SUBJECT = ((("organizationName", "Ops"),), (("commonName", "alice"),))


@pytest.mark.parametrize(("certificate", "name"), [
    ({"subject": SUBJECT}, "alice"),
    ({"subject": SUBJECT, "subjectAltName": (("IP Address", "10.0.0.1"),)}, "alice"),
    ({"subject": SUBJECT, "subjectAltName": (("DNS", "a.example"), ("DNS", "b.example"))}, "a.example"),
    ({"subject": SUBJECT, "subjectAltName": (("DNS", "a.example"), ("URI", "spiffe://x/ops"))}, "spiffe://x/ops"),
    ({"subject": ()}, ""),
    ({}, ""),
])  # fmt: skip
def test_the_name_of_a_certificate(certificate: dict[str, Any], name: str) -> None:
    assert name_of(certificate) == name


def test_the_roles_of_names() -> None:
    text = "# who\n\nspiffe://example.org/ops:operate\n alice : admin \n"
    assert parse_roles(text) == {"spiffe://example.org/ops": Role.OPERATE, "alice": Role.ADMIN}


@pytest.mark.parametrize(("text", "rule"), [
    ("", "it holds no name:role"),
    ("alice\n", "line 1 is not name:role, with one of the roles read, operate, configure, admin"),
    ("a:read\nalice:root\n", "line 2 is not name:role, with one of the roles read, operate, configure, admin"),
    (":read\n", "line 1 has no name of at most 512 printable characters"),
    ("a\x07b:read\n", "line 1 has no name of at most 512 printable characters"),
    ("a:read\na:admin\n", "line 2 repeats a name"),
])  # fmt: skip
def test_a_line_that_cannot_be_used(text: str, rule: str) -> None:
    with pytest.raises(RolesFileError, match=f"^{rule}$"):
        parse_roles(text)


def test_other_lines_stay_valid() -> None:
    roles, problems = read_roles("alice:read\nbob\n")
    assert roles == {"alice": Role.READ}
    assert len(problems) == 1
