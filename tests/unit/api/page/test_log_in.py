"""Who is let into the page, for how long, and what a form needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.http.refusals import REFUSED
from api.http.sessions import COOKIE, LONGEST_SECONDS, SESSIONS, Sessions
from scheduler.core.commands.command import Interrupt
from scheduler.security.tokens import Role, Token, new_token
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state
from tests.unit.api.page.browser import VIEWS, Browser, trusted, with_tokens, words


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))


@pytest.fixture
def browser(gateway: CoreGateway, tmp_path: Path) -> Browser:
    return with_tokens(gateway, tmp_path)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_leads_to_the_log_in_and_back(browser: Browser, view: str) -> None:
    answer = browser.get(view)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("login?next=")
    form = browser.get(answer.headers["Location"])
    assert "Token" in words(form)
    answer = browser.client.post(f"/ui/{answer.headers['Location']}", data={"token": "read-token", "next": view or "."})
    assert (answer.status_code, answer.headers["Location"]) == (303, view or ".")
    assert browser.get(view).status_code == 200


def test_the_cookie_is_for_the_server_alone(browser: Browser) -> None:
    cookie = browser.log_in("admin-token").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path" not in cookie  # the browser takes the path below a router's prefix
    assert "Secure" not in cookie
    assert "admin-token" not in cookie
    secure = browser.post("login", {"token": "admin-token"}, **{"X-Forwarded-Proto": "https"})
    assert "Secure" in secure.headers["Set-Cookie"]


def test_a_wrong_token_is_refused_and_counted_as_in_the_api(browser: Browser) -> None:
    for _ in range(REFUSED):
        answer = browser.log_in("a-wrong-token")
        assert answer.status_code == 401
        assert "The token is not valid." in words(answer)
        assert "a-wrong-token" not in answer.text
    answer = browser.log_in("admin-token")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert browser.client.get("/v1/plan", headers={"Authorization": "token=admin-token"}).status_code == 429


def test_a_session_is_no_way_into_the_api(browser: Browser) -> None:
    browser.log_in("admin-token")
    assert browser.client.get("/v1/plan").status_code == 401
    assert browser.client.post("/v1/plan?cmd=interrupt").status_code == 401


def test_a_revoked_token_ends_its_session(browser: Browser, tmp_path: Path) -> None:
    browser.log_in("operate-token")
    assert browser.get("ring").status_code == 200
    (tmp_path / "tokens").write_text("others:read:others-token\n")
    assert browser.get("ring").status_code == 303
    (tmp_path / "tokens").write_text("operates:operate:operate-token\n")
    assert browser.get("ring").status_code == 303


def test_a_changed_role_ends_the_session(browser: Browser, tmp_path: Path) -> None:
    browser.log_in("operate-token")
    (tmp_path / "tokens").write_text("operates:read:operate-token\n")
    assert browser.get("ring").status_code == 303


def test_a_token_that_is_stored_as_a_hash(browser: Browser, tmp_path: Path) -> None:
    token, line = new_token("alice", Role.OPERATE)
    (tmp_path / "tokens").write_text(f"{line}\n")
    assert browser.log_in(token).status_code == 303
    assert "alice" in words(browser.get("ring"))
    (tmp_path / "tokens").write_text("others:read:others-token\n")
    assert browser.get("ring").status_code == 303


def test_log_out_ends_the_session(browser: Browser) -> None:
    browser.log_in("read-token")
    value = browser.client.get_cookie(COOKIE, path="/ui")
    assert value is not None
    browser.post("logout", {})
    browser.client.set_cookie(COOKIE, value.value, path="/ui")
    assert browser.get("ring").status_code == 303


def test_a_live_part_without_a_session_is_401(browser: Browser) -> None:
    assert browser.get("ring?live=1").status_code == 401


def test_a_form_of_an_ended_session_leads_to_the_log_in(browser: Browser) -> None:
    answer = browser.post("do", {"command": "plan-interrupt", "plan": "deploy"})
    assert answer.status_code == 401
    assert "The session has ended, and nothing was sent" in words(answer)
    assert 'name="token"' in answer.text


def test_a_view_that_is_not_there(browser: Browser) -> None:
    answer = browser.get("banana")
    assert (answer.status_code, "There is no such page." in words(answer)) == (404, True)
    assert 'href="."' in answer.text


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "ring\\@evil", "../v1/plan", "ring\n"])
def test_the_log_in_leads_nowhere_else(browser: Browser, wanted: str) -> None:
    answer = browser.post("login", {"token": "read-token", "next": wanted})
    assert answer.headers["Location"] == "."


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
@pytest.mark.parametrize("address", ["login", "logout", "do", "backups"])
def test_another_site_is_refused(browser: Browser, headers: dict[str, str], address: str) -> None:
    browser.log_in("admin-token")
    assert browser.post(address, {"token": "admin-token"}, **headers).status_code == 403


@pytest.mark.parametrize("code", ["", "0" * 64, "ö"])
def test_a_command_without_its_code_changes_nothing(browser: Browser, gateway: CoreGateway, code: str) -> None:
    browser.log_in("admin-token")
    answer = browser.post("do", {"command": "plan-interrupt", "plan": "deploy", "code": code})
    assert answer.status_code == 400
    assert gateway.submitted == []


def test_the_code_of_another_session_is_refused(browser: Browser, gateway: CoreGateway) -> None:
    browser.log_in("admin-token")
    code = browser.code()
    browser.log_in("admin-token")
    assert browser.post("do", {"command": "plan-interrupt", "plan": "deploy", "code": code}).status_code == 400
    assert gateway.submitted == []


def test_behind_a_trusted_router_nobody_logs_in(gateway: CoreGateway) -> None:
    browser = trusted(gateway)
    assert browser.get("ring").status_code == 200
    assert browser.get("login").headers["Location"] == "."
    assert browser.post("do", {"command": "plan-interrupt", "plan": "deploy"}).status_code == 400
    assert browser.do("plan-interrupt", plan="deploy").status_code == 200
    assert gateway.submitted == [(Interrupt("deploy"), "admin-router")]


def test_a_foreign_host_is_refused_behind_a_router(gateway: CoreGateway) -> None:
    assert trusted(gateway).get("ring", Host="evil.example:9000").status_code == 403


def test_a_session_lasts_a_working_day_and_the_oldest_gives_way() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    values = [sessions.begin(Token("alice", "a-token-of-hers")) for _ in range(SESSIONS + 1)]
    assert len(set(values)) == len(values)
    assert values[0] not in sessions._known
    assert LONGEST_SECONDS >= 8 * 3600


@pytest.mark.parametrize("path", ["/", "/service/cassandra", "/service/cassandra/", "/cassandra"])
def test_a_browser_is_led_to_the_page(browser: Browser, path: str) -> None:
    answer = browser.client.get(path, headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 303
    base = path.rpartition("/")[0]
    assert f"{base}/{answer.headers['Location']}" == f"{path.rstrip('/')}/ui/"
    assert browser.client.get(path, headers={"Accept": "*/*"}).status_code == 404


@pytest.mark.parametrize("prefix", ["", "/service/cassandra", "/cassandra"])
def test_the_page_works_below_each_prefix(gateway: CoreGateway, prefix: str) -> None:
    client = trusted(gateway).client
    answer = client.get(f"{prefix}/ui/")
    assert answer.status_code == 200
    assert 'href="/' not in answer.text
    assert client.get(f"{prefix}/ui").headers["Location"] == "ui/"
