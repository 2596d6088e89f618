"""The rules of docs/design.md that can be read off the source: who imports whom, who may catch everything."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"scheduler", "executor", "api", "localmesos", "devcluster", "cli", "tests", "bench"}

# What the pure core may take from outside of itself. No clock, no randomness, no threads, no I/O.
CORE_STANDARD_LIBRARY = {
    "__future__", "base64", "collections", "collections.abc", "dataclasses", "datetime", "enum", "functools", "hashlib",
    "itertools", "json", "math", "operator", "re", "string", "types", "typing", "uuid", "bisect", "heapq",
}  # fmt: skip


def modules(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names.add(node.module)
    return names


def top(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules("scheduler/core"), ids=identify)
def test_core_is_pure(path: Path) -> None:
    for name in imports(path):
        if name.startswith("scheduler.core") or name == "executor.protocol":
            continue
        assert name in CORE_STANDARD_LIBRARY, f"{identify(path)} imports {name}"


@pytest.mark.parametrize("path", modules("scheduler/core"), ids=identify)
def test_core_takes_no_random_ids(path: Path) -> None:
    source = path.read_text()
    assert "uuid4" not in source
    assert "uuid1" not in source


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        pytest.param("executor", {"executor"}, id="executor"),
        pytest.param("localmesos", {"localmesos"}, id="localmesos"),
        pytest.param("api", {"api", "scheduler", "executor"}, id="api"),
    ],
)
def test_packages_keep_their_borders(package: str, allowed: set[str]) -> None:
    for path in modules(package):
        assert top(imports(path)) & OURS <= allowed, identify(path)


def test_scheduler_imports_only_the_protocol_of_the_executor_and_api_only_in_its_wiring() -> None:
    wiring = {"service/__main__.py", "service/server.py"}
    for path in modules("scheduler"):
        for name in imports(path):
            if name.startswith("executor"):
                assert name in {"executor", "executor.protocol"}, identify(path)
            if name.startswith("api"):
                assert identify(path) in wiring, identify(path)
            assert name.partition(".")[0] not in {"localmesos", "devcluster", "tests", "bench"}, identify(path)


@pytest.mark.parametrize(
    ("library", "users"),
    [
        pytest.param(
            "pymesos",
            {"scheduler/driver/driver.py", "scheduler/driver/detector.py", "executor/agent/connection.py"},
            id="pymesos",
        ),
        pytest.param("cryptography", {"scheduler/security/sealing.py"}, id="cryptography"),
        pytest.param("flask", None, id="flask"),
    ],
)
def test_each_library_has_one_home(library: str, users: set[str] | None) -> None:
    for package in ("scheduler", "executor", "api", "devcluster"):
        for path in modules(package):
            if library not in top(imports(path)):
                continue
            if users is not None:
                assert identify(path) in users
            else:
                assert path.parts[len(ROOT.parts)] == "api"


@pytest.mark.parametrize("path", modules("tests/unit/core") + modules("tests/simulation"), ids=identify)
def test_core_is_tested_without_patches(path: Path) -> None:
    source = path.read_text()
    assert not {"mock", "unittest"} & top(imports(path))
    assert "monkeypatch" not in source


def test_no_module_is_named_for_everything() -> None:
    for package in ("scheduler", "executor", "api", "localmesos", "devcluster"):
        for path in modules(package):
            assert path.stem not in {"utils", "util", "common", "helpers", "misc", "manager"}, identify(path)
