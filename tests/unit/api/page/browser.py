"""A client that works as a browser without scripts: cookies, forms with their code, HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import create_app
from scheduler.security.tokens import Role
from tests.unit.api.cluster import CoreGateway, make_settings

TOKENS = "".join(f"{role.word}s:{role.word}:{role.word}-token\n" for role in Role)
VIEWS = ("", "ring", "node?node=node-0", "plans", "operations", "backups", "offers", "settings", "events")


class Browser:
    """One browser with its cookies."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, address: str, **headers: str) -> TestResponse:
        """GET an address below /ui/."""
        return self.client.get(f"/ui/{address}", headers={"Accept": "text/html", **headers})

    def post(self, address: str, fields: Mapping[str, str], **headers: str) -> TestResponse:
        """POST a form to an address below /ui/, without its code."""
        return self.client.post(f"/ui/{address}", data=dict(fields), headers=headers)

    def log_in(self, token: str) -> TestResponse:
        """Log in with a token."""
        return self.post("login", {"token": token})

    def code(self) -> str:
        """Return the code of this browser's forms."""
        found = re.search(r'name="code" value="(\w+)"', self.get("do?command=node-restart&node=node-0").text)
        assert found is not None
        return found[1]

    def do(self, command: str, **fields: str) -> TestResponse:
        """Send a command as its form does."""
        return self.post("do", {"code": self.code(), "command": command, **fields})


def trusted(gateway: CoreGateway, **settings: str) -> Browser:
    """Return a browser behind a trusted router."""
    return Browser(create_app(gateway, make_settings(**settings)).test_client())


def with_tokens(gateway: CoreGateway, directory: Path) -> Browser:
    """Return a browser in front of an API with a token of each role."""
    (directory / "tokens").write_text(TOKENS)
    return Browser(create_app(gateway, make_settings(API_TOKEN_FILE=str(directory / "tokens"))).test_client())


def words(answer: TestResponse) -> str:
    """Return the text of an answer as a person reads it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())
