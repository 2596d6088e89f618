"""What no setting may hold, or take long to refuse."""

from __future__ import annotations

import json

import pytest

from scheduler.settings import NAMES, InvalidSettings, parse
from scheduler.settings.cassandra_options import check_key
from scheduler.settings.cassandra_yaml import MAX_PROBLEMS
from scheduler.settings.cassandra_yaml import parse as parse_yaml
from scheduler.settings.secret_names import secret_key, secret_option

BASE = {"ARTIFACTS_URL": "https://files.example/", "SERVICE_USER": "nobody"}
PEM = "-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----"


def problems(**settings: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as found:
        parse({**BASE, **settings})
    return found.value.problems


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\x85", "\ud800"], ids=ascii)
def test_control_characters(name: str, sign: str) -> None:
    assert f"{name} must not hold the character U+{ord(sign):04X}." in problems(**{name: f"a{sign}b"})


@pytest.mark.parametrize("name", sorted(NAMES))
def test_lengths_and_large_numbers(name: str) -> None:
    for text in ("9" * 200_000, "9" * 400, "-" + "9" * 400, "9" * 4000, "0." + "1" * 4000, "1e400", "x" * 4000):
        try:
            parse({**BASE, name: text})
        except InvalidSettings as error:
            longest = max(map(len, error.problems))
        else:
            longest = 0
        assert longest < 1000


def test_line_ends() -> None:
    assert "EXECUTOR_JAVA_HOME must not hold the character U+000A." in problems(EXECUTOR_JAVA_HOME="/a\n/b")
    assert (
        parse({**BASE, "CASSANDRA_JVM_OPTIONS": "-Xss1m\n-ea", "EXECUTOR_COMMAND": "a\nb"}).executor_command == "a\nb"
    )
    assert "must not hold the character U+000A" in problems(CASSANDRA_JVM_OPTIONS="'-Da=b\nc'")[0]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4000,
        '["a", ' * 700,
        "[[" + "[" * 3000 + "]" * 3000 + "]]",
        '{"a":' * 800,
        "hostname:LIKE:a{9999}",
        "hostname:LIKE:" + "(" * 2000 + ")" * 2000,
        "hostname:LIKE:" + "(" * 4000,
    ],
    ids=lambda text: text[:20],
)
def test_constraints(text: str) -> None:
    assert problems(PLACEMENT_CONSTRAINT=text)[0].startswith("PLACEMENT_CONSTRAINT ")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000, "{a: " * 200_000, "- " * 200_000, "? " * 200_000, "a: [" + "[" * 400_000, "a: &x [" * 90_000,
        "num_tokens: !!timestamp x", "num_tokens: !!bool x", "num_tokens: !!int ''", "num_tokens: !!float x",
        "num_tokens: !!python/object:os.system x", "num_tokens: !local x", "num_tokens: !!binary x",
        "num_tokens: !!set x",
        'num_tokens: "\\U00110000"', 'default_compaction: "\\ud800"', 'default_compaction: "\\0"',
        "default_compaction: {parameters: [{a: \"\\e[31m\"}]}", "num_tokens: " + "9" * 400,
        "default_compaction: {parameters: [{a: " + "9" * 400 + "}]}", "num_tokens: 1" + ":1" * 40_000,
        "num_tokens: 2001-99-99", "a: *b", "? [a, b]\n: c", "? {a: b}\n: c", "%YAML 9.9\n---\na: b", "a: b\n---\na: b",
        "\ud800: 1", "num_tokens: 1\x00", "<<: {num_tokens: 1}", "!!map [a]", "!!str {a: b}", "0x" + "f" * 900 + ": 1",
        "num_tokens: 0x" + "f" * 900, "num_tokens: .inf", "num_tokens: 0b" + "1" * 900,
    ],
    ids=lambda text: ascii(text[:30]),
)  # fmt: skip
def test_yaml(text: str) -> None:
    options, found = parse_yaml(text, "CASSANDRA_YAML")
    assert found
    assert all(problem.startswith("CASSANDRA_YAML ") and len(problem) < 1000 for problem in found), (options, found)


@pytest.mark.parametrize("text", ["://a:b", "eyJ-", "eyJaaaaaaaa.", "password ", "authorization:a", "basic "])
@pytest.mark.timeout(60)
def test_the_search_for_secrets_takes_linear_time(text: str) -> None:
    """A time that grows with the square of this length would be half an hour and more."""
    secret_key({"class_name": "X", "parameters": {"a": text * (1_000_000 // len(text))}})


def test_a_private_key_in_a_comment_is_one_too() -> None:
    lines = "".join(f"# {line}\n" for line in PEM.splitlines())
    assert "must not hold a private key" in problems(CASSANDRA_YAML=f"num_tokens: 8\n{lines}")[0]


def test_many_values_of_yaml_are_refused() -> None:
    _, found = parse_yaml("default_compaction: {parameters: [" + "{a: 1}," * 14_000 + "]}", "F")
    assert found == ["F has more than 20000 keys, values and signs."]


def test_many_problems_of_yaml_are_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def check(key: str) -> str | None:
        checked.append(key)
        return check_key(key)

    monkeypatch.setattr("scheduler.settings.cassandra_yaml.check_key", check)
    _, found = parse_yaml("".join(f"k{number}: 1\n" for number in range(3000)), "F")
    assert len(found) == len(checked) == MAX_PROBLEMS


@pytest.mark.parametrize(
    "document",
    [
        {"client_encryption_options": {"keystore_password": "geheim"}},
        {"client_encryption_options": {"keystore_password": 12345}},
        {"server_encryption_options": {"ssl_context_factory": {"parameters": {"private_key": PEM}}}},
        {"server_encryption_options": {"ssl_context_factory": {"parameters": {"other": PEM}}}},
        {"server_encryption_options": {"ssl_context_factory": {"parameters": [{"x": [PEM]}]}}},
        {"authenticator": {"parameters": {"ldap_secret": "geheim"}}},
        {"authenticator": {"parameters": {"keyStorePassphrase": "geheim"}}},
        {"authenticator": {"parameters": {"url": "ldap://user:geheim@host"}}},
        {"authenticator": {"parameters": {"url": "ldap://:geheim@host"}}},
        {"authenticator": {"parameters": {"url": "ldap://host/?bind=a&password=geheim"}}},
        {"authenticator": {"parameters": [{"pass": "geheim"}]}},
        {"authenticator": {"parameters": {"bindpw": "geheim"}}},
        {"authenticator": {"parameters": {"token": "geheim"}}},
        {"authenticator": {"parameters": {"assertion": "eyJhbGciOiJIUzI1NiJ9.geheim.x"}}},
        {"authenticator": {"parameters": {"header": "Authorization: Bearer geheim"}}},
        {"authenticator": {"parameters": {"x": "Basic dXNlcjpnZWhlaW0="}}},
        {"authenticator": {"parameters": {"authorization": "geheim"}}},
        {"authenticator": {"parameters": [{"name": "password", "value": "geheim"}]}},
        {"authenticator": {"parameters": [{"key": "client_secret", "value": "geheim"}]}},
        {"authenticator": {"parameters": {"hmacKey": "geheim"}}},
        {"authenticator": {"parameters": {"PSK": "geheim"}}},
        {"authenticator": {"parameters": {"keystore_pin": "geheim"}}},
        {"authenticator": {"parameters": {"passcode": "geheim"}}},
        {"authenticator": {"parameters": {"client_secret_value": "geheim"}}},
        {"authenticator": {"parameters": {"x": "ghp_" + "geheim" * 6}}},
        {"authenticator": {"parameters": {"x": "PuTTY-User-Key-File-3: x\nPrivate-Lines: 1\ngeheim"}}},
    ],
    ids=str,
)
def test_secrets_in_yaml(document: object) -> None:
    import yaml

    found = problems(CASSANDRA_YAML=yaml.safe_dump(document))
    assert "must not hold a" in found[0]
    assert "geheim" not in str(found)
    assert "12345" not in str(found)
    assert "MIIsecret" not in str(found)


@pytest.mark.parametrize(
    "document",
    [
        {"credentials_validity": "10s"},
        {"client_encryption_options": {"keystore_password": "", "keystore": "/etc/store"}},
        {"authenticator": "PasswordAuthenticator"},
        {"ssl_context_factory": {"parameters": {"trusted_certificates": "-----BEGIN CERTIFICATE-----"}}},
        {"startup_checks": {"check_filesystem_ownership": {"ownership_token": "cluster-1"}}},
        {"authenticator": {"parameters": {"url": "ldap://host:389/ou=a@b"}}},
        {"authenticator": {"parameters": [{"name": "password", "value": ""}, {"name": "user", "value": "dba"}]}},
        {"authenticator": {"parameters": {"mode": "basic authentication", "realm": "Bearer of news", "pinned": "x"}}},
        {"transparent_data_encryption_options": {"key_alias": "testing:1", "cipher": "AES/CBC/PKCS5Padding"}},
    ],
    ids=str,
)
def test_no_secrets(document: object) -> None:
    assert secret_key(document) is None


@pytest.mark.parametrize(
    "word",
    [
        "-Djavax.net.ssl.keyStorePassword=geheim",
        "-Dmy.PASSWORD=geheim",
        "-Dapi-key=geheim",
        "-Daws.secretAccessKey=geheim",
        "-Dkeypass=geheim",
        "-Dtoken=geheim",
        "-Durl=jdbc:x://user:geheim@host",
        "-javaagent:/x.jar=user=a,password=geheim",
        "-Dx='-----BEGIN EC PRIVATE KEY-----geheim'",
        "-Dldap.bindpw=geheim",
        "-DdbPW=geheim",
        "-DMYPASS=geheim",
        "-DAPI_TOKEN=geheim",
        "-Dx.bearer=geheim",
        "-Dcookie.signing-key=geheim",
        "-Durl=ldap://:geheim@host",
        "-Durl=ldap://user:ge/geheim@host",
        "-Dx=eyJhbGciOiJIUzI1NiJ9.geheim.x",
        "-Dnewrelic.config.license_key=geheim",
        "-DsessionKey=geheim",
        "-Dmy.secret.value=geheim",
        "'-Dheader=Authorization: Bearer geheim'",
    ],
)
def test_secrets_in_options_of_java(word: str) -> None:
    [found] = problems(CASSANDRA_JVM_OPTIONS=word)
    assert found.startswith("CASSANDRA_JVM_OPTIONS must not hold a ")
    assert "geheim" not in found


@pytest.mark.parametrize(
    "word",
    [
        "-Dcom.sun.management.jmxremote.password.file=/x",
        "-Dkeystore.password=",
        "-Dcom.example.bypass=1",
        "-Dcassandra.initial_token=1",
        "-XX:MaxGCPauseMillis=200",
        "-javaagent:/x.jar=port=1",
        "-ea:org.apache.Password",
    ],
)
def test_no_secrets_in_options_of_java(word: str) -> None:
    assert secret_option(word) is None


@pytest.mark.parametrize("key", ["yes", "1", "1.5", "null", "~"])
def test_a_nested_key_is_a_text(key: str) -> None:
    """Another one would be read from the record as a text, and each start of the scheduler would roll it out anew."""
    assert parse_yaml(f"sai_options: {{a: [{{{key}: v}}]}}", "F")[1] == [
        "F line 1: sai_options holds a key that is no text: put it in quotes."
    ]
    options, found = parse_yaml(f"sai_options: {{a: [{{'{key}': v}}]}}", "F")
    assert found == []
    assert json.loads(json.dumps(options)) == options
