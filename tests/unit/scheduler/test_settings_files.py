"""The files that settings name: what is wrong with them, told without what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.settings import InvalidSettings, parse
from tests.certificates import Authority
from tests.unit.scheduler.settings.test_settings import problems, settings
from tests.unit.sealing_keys import new_key


class TestFiles:
    def test_missing_bundles_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "executor.tar.gz").touch()
        with pytest.raises(InvalidSettings) as caught:
            parse({"ARTIFACTS_DIR": str(tmp_path)})
        assert caught.value.problems == (
            f"ARTIFACTS_DIR {tmp_path} must hold cassandra-5.0.8.tar.gz, "
            "or EXECUTOR_CASSANDRA_LOCATION must be the address where agents fetch it.",
        )

    def test_bundles_that_are_there(self, tmp_path: Path) -> None:
        for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
            (tmp_path / name).touch()
        found = parse({"ARTIFACTS_DIR": str(tmp_path), "API_HOST": "127.0.0.1"})
        assert found.executor_location == "http://127.0.0.1:9000/v1/artifacts/executor.tar.gz"
        assert found.executor_cassandra_location == "http://127.0.0.1:9000/v1/artifacts/cassandra-5.0.8.tar.gz"

    def test_bundles_from_elsewhere_are_not_looked_for(self) -> None:
        found = parse({"ARTIFACTS_URL": "https://files.example/", "ARTIFACTS_DIR": "/nowhere"})
        assert found.executor_location == "https://files.example/executor.tar.gz"

    @pytest.mark.parametrize(
        "name",
        [
            "API_TOKEN_FILE",
            "SERVICE_SECRET_FILE",
            "SECRETS_KEY_FILE",
            "BACKUP_ENCRYPTION_KEY_FILE",
            "CASSANDRA_YAML_FILE",
        ],
    )
    def test_a_file_that_is_not_there(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / "absent"
        assert problems({name: str(path)}) == (f"{name} {path} cannot be read: No such file or directory.",)

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("", "holds no token"),
            ("# none\n\n", "holds no token"),
            ("short\n", "line 1 is not a token of at least 8 printable characters"),
            ("admin:0123456789\nbad token here\n", "line 2 is not a token of at least 8 printable characters"),
        ],
    )
    def test_a_token_file_that_cannot_be_used(self, text: str, rule: str, tmp_path: Path) -> None:
        path = tmp_path / "tokens"
        path.write_text(text)
        assert problems({"API_TOKEN_FILE": str(path)}) == (f"API_TOKEN_FILE {path} cannot be used: {rule}.",)

    def test_no_problem_shows_a_token(self, tmp_path: Path) -> None:
        path = tmp_path / "tokens"
        path.write_text("admin:secret with blanks\n")
        assert "secret" not in "".join(problems({"API_TOKEN_FILE": str(path)}))

    def test_a_key_file(self, tmp_path: Path) -> None:
        path = tmp_path / "keys"
        path.write_text("no-key-but-secret\n")
        rule = "line 1 is not a key: 32 random bytes in URL-safe base64"
        assert problems({"SECRETS_KEY_FILE": str(path)}) == (f"SECRETS_KEY_FILE {path} cannot be used: {rule}.",)
        path.write_text(f"{'A' * 43}=\n")
        assert settings(SECRETS_KEY_FILE=str(path)).secrets_key_file == str(path)

    def test_a_key_is_never_shown(self, tmp_path: Path) -> None:
        assert problems({"SECRETS_KEY": "no-key"}) == ("SECRETS_KEY is not a key: 32 random bytes in URL-safe base64.",)
        path, key = tmp_path / "keys", f"{'A' * 42}E="
        path.write_text(key)
        both = {"SECRETS_KEY": key, "SECRETS_KEY_FILE": str(path)}
        assert problems(both) == ("SECRETS_KEY must not be set beside SECRETS_KEY_FILE.",)
        found = settings(SECRETS_KEY=key)
        assert found.secrets_key == key
        assert key not in repr(found)

    def test_https(self, tmp_path: Path) -> None:
        issued = Authority(tmp_path / "authority").issue("api")
        files = {"API_CERTIFICATE_FILE": str(issued.certificate), "API_KEY_FILE": str(issued.key)}
        found = settings(**files, API_HOST="127.0.0.1", ARTIFACTS_URL="", EXECUTOR_LOCATION="http://a/b")
        assert found.api_scheme == "https"
        assert found.dc_url == "https://127.0.0.1:9000/v1/datacenter"
        issued.key.chmod(0o644)
        (problem,) = problems(files)
        assert problem.endswith("has the mode 0644, so that other users of the machine can use it; set it to 0600.")
        # A running scheduler keeps the pair before, and takes other changes of settings.
        assert parse({"ARTIFACTS_URL": "https://files.example/", **files}, at_start=False).api_scheme == "https"

    def test_https_of_the_own_authority(self, tmp_path: Path) -> None:
        own = {"API_CERTIFICATE": "own"}
        assert problems(own) == (
            "SECRETS_KEY_FILE must be set beside API_CERTIFICATE=own: it seals the key of the authority.",
        )
        found = settings(**own, SECRETS_KEY=new_key(), ARTIFACTS_URL="", EXECUTOR_LOCATION="http://a/b")
        assert (found.api_scheme, found.has_own_certificate) == ("https", True)
        assert found.artifacts_url.startswith("https://")
        issued = Authority(tmp_path / "authority").issue("api")
        files = {"API_CERTIFICATE_FILE": str(issued.certificate), "API_KEY_FILE": str(issued.key)}
        assert problems({**own, **files, "SECRETS_KEY": new_key()}) == (
            "API_CERTIFICATE_FILE and API_CERTIFICATE=own exclude each other.",
        )

    @pytest.mark.parametrize(("given", "rules"), [
        (("API_KEY_FILE",), ("API_CERTIFICATE_FILE must be set beside API_KEY_FILE.",)),
        (("API_CERTIFICATE_FILE",), ("API_KEY_FILE must be set beside API_CERTIFICATE_FILE.",)),
        (
            ("API_CLIENT_CA_FILE",),
            (
                "API_CLIENT_ROLES_FILE must be set beside API_CLIENT_CA_FILE.",
                "API_CERTIFICATE_FILE must be set beside API_CLIENT_CA_FILE: clients present certificates only over "
                "HTTPS.",
            ),
        ),
    ])  # fmt: skip
    def test_files_of_https_that_need_each_other(
        self, given: tuple[str, ...], rules: tuple[str, ...], tmp_path: Path
    ) -> None:
        issued = Authority(tmp_path / "authority").issue("api")
        files = dict.fromkeys(given, str(issued.certificate))
        assert problems(files) == rules

    def test_roles_of_clients_that_cannot_be_used(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path / "authority")
        issued = authority.issue("api")
        path = tmp_path / "roles"
        path.write_text("alice\n")
        files = {
            "API_CERTIFICATE_FILE": str(issued.certificate),
            "API_KEY_FILE": str(issued.key),
            "API_CLIENT_CA_FILE": str(authority.ca),
            "API_CLIENT_ROLES_FILE": str(path),
        }
        rule = "line 1 is not name:role, with one of the roles read, operate, configure, admin"
        assert problems(files) == (f"API_CLIENT_ROLES_FILE {path} cannot be used: {rule}.",)

    def test_a_binary_file(self, tmp_path: Path) -> None:
        path = tmp_path / "tokens"
        path.write_bytes(b"\xff\xfe\x00")
        assert problems({"API_TOKEN_FILE": str(path)}) == (f"API_TOKEN_FILE {path} is not a text file.",)
