"""The rules of docs/design.md that can be read off the source: who imports whom, who may catch everything."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"scheduler", "service", "executor", "api", "localmesos", "devcluster", "cli", "tests", "bench"}
PRODUCT = ("service", "api", "scheduler", "executor", "localmesos", "devcluster", "cli")
# The sizes of CONTRIBUTING.md.
MODULE_LINES, FUNCTION_LINES = 400, 40

# Which room of a package may import which: only those on floors before its own. A room is a folder with all that is in
# it, or a module beside the folders. The packages themselves are rooms of "".
FLOORS = {
    "": ("localmesos executor cli", "scheduler", "api", "service", "devcluster"),
    "api": ("sentences", "documents http", "openapi", "endpoints", "page"),
    "api.page": (
        "assets dispatch formats history inputs live offers settings", "charts locations logs retention",
        "backups commands nodes", "do now stream work", "routes",
    ),
    "service": ("certificate certificate_source http logs tokens uninstall", "startup", "server", "__main__"),
    "service.http": (
        "channel descriptors limits tally", "lanes outgoing requests tls", "exchange", "connection", "crowd", "loop",
        "worker",
    ),
    "scheduler": ("core errors", "security", "settings storage", "loop", "driver metrics"),
    "scheduler.core": (
        "state", "mesos", "cycle", "configuration ring", "nodes", "maintenance reservations", "fold decide plans",
        "commands", "events",
    ),
    "scheduler.metrics": ("families", "nodes operations warnings"),
    "executor": (
        "json_codec untrusted number_text sentences retention memory redaction cql figures mesos_http "
        "certificate_messages key_spaces maven_lock metadata_addresses whole_file python_files unpack bytecode",
        "protocol sbom late_libraries", "jmx s3 tls",
        "cassandra bundle", "jobs", "backup repair node", "restore agent", "program", "__main__",
    ),
    "executor.backup": (
        "format fingerprint", "seal", "upload catalog coverage description roles",
        "snapshots request removal verification", "completion", "jobs",
    ),
    "executor.restore": (
        "problems request roles views", "schema", "source", "loading", "checking proof", "findings", "jobs",
    ),
    "cli": (
        "errors units redaction wording", "files reasons repeated tls", "tables contexts rest options", "nodes output",
        "session", "progress watching requests", "waiting", "operations", "commands", "root",
        "__main__ document", "zipapp",
    ),
    "localmesos": ("protocol election alone processes", "resources", "master agent", "__main__"),
    "localmesos.agent": (
        "fetcher master_link update_manager", "containers", "config", "task_updates", "executor_runs", "agent",
        "http recovery sandbox_gc", "main",
    ),
    "localmesos.master": (
        "state task_validation", "agent_reregistration allocator operation_feedback subscriptions", "accept agents",
        "scheduler_calls", "master", "http", "main",
    ),
}  # fmt: skip
# `python -m scheduler` is the command that users know; what it starts is the service's.
SHIM = "scheduler.__main__"

# What the pure core may take from outside of itself. No clock, no randomness, no threads, no I/O.
CORE_STANDARD_LIBRARY = {
    "__future__", "base64", "collections", "collections.abc", "dataclasses", "datetime", "enum", "functools", "hashlib",
    "ipaddress", "itertools", "json", "math", "operator", "re", "string", "types", "typing", "uuid", "bisect", "heapq",
}  # fmt: skip

# What the scheduler takes from the executor's package, whose bundle does not hold the scheduler's.
SHARED_WITH_EXECUTORS = {
    "executor.protocol", "executor.json_codec", "executor.untrusted", "executor.figures",
    "executor.certificate_messages", "executor.key_spaces", "executor.metadata_addresses", "executor.number_text",
    "executor.retention", "executor.sentences",
}  # fmt: skip
# What the driver takes beside them: the sockets of pymesos are replaced in one place for both of its drivers.
SHARED_WITH_DRIVERS = {"executor.mesos_http"}


def modules(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)


@cache  # many tests ask, and parsing takes nearly all of their time
def statements(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Return the imports of a module, anywhere in it and under TYPE_CHECKING as well."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names.add(node.module)
    return names


def top(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def name_of(path: Path) -> str:
    """Return a module's dotted name; a package has that of its folder."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for package in PRODUCT for path in modules(package)}


def imported(path: Path) -> set[str]:
    """Return the modules of ours that a module imports."""
    found: set[str] = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return (found & MODULES.keys()) - {name_of(path)}


@cache  # and not made when this is collected: each process of a run does that, and few of them need it
def all_imports() -> Mapping[str, set[str]]:
    """Return for each module of ours which others it imports."""
    return {name: imported(path) for name, path in MODULES.items() if name != SHIM}


def circle(imports_of: Mapping[str, Collection[str]]) -> list[str]:
    """Return one circle of imports, empty if there is none."""
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next((more for item in imports_of.get(name, ()) if (more := follow(item, (*way, name)))), [])
        done.add(name)
        return found

    return next((found for name in imports_of if (found := follow(name, ()))), [])


def rooms(package: str) -> dict[str, set[str]]:
    """Return which rooms directly in a package import which other ones."""
    found: dict[str, set[str]] = {}
    for name, others in all_imports().items():
        if room := _room(package, name):
            found.setdefault(room, set()).update(_room(package, other) for other in others)
    return {room: others - {room, ""} for room, others in found.items()}


def _room(package: str, name: str) -> str:
    inside = name.removeprefix(f"{package}.") if package else name
    return "" if package and inside == name else inside.partition(".")[0]


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circle(all_imports()) == []
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]


@pytest.mark.parametrize("package", ["", *sorted(name for name, path in MODULES.items() if path.stem == "__init__")])
def test_no_folders_import_one_another_in_a_circle(package: str) -> None:
    assert circle(rooms(package)) == []


@pytest.mark.parametrize("package", FLOORS)
def test_rooms_import_only_from_floors_below(package: str) -> None:
    floor = {room: index for index, line in enumerate(FLOORS[package]) for room in line.split()}
    found = rooms(package)
    assert found.keys() - {"__main__"} <= floor.keys(), "a room without a floor"
    assert floor.keys() <= {*found, "__main__"}, "a floor without its room"
    for room, others in found.items():
        above = {other for other in others if room in floor and floor[other] >= floor[room]}
        assert not above, f"{package}: {room} imports {', '.join(sorted(above))}"


def test_each_folder_tells_its_concern() -> None:
    for name, path in MODULES.items():
        if path.stem == "__init__":
            assert ast.get_docstring(ast.parse(path.read_text())), name


@pytest.mark.parametrize("path", MODULES.values(), ids=identify)
def test_modules_and_functions_fit(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= MODULE_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, node.name


def test_unit_tests_mirror_the_tree() -> None:
    """A test below tests/unit/<package>/ is named for a module there, or lies where no module has its name."""
    for path in modules("tests/unit"):
        folder = ROOT / path.parent.relative_to(ROOT / "tests" / "unit")
        if path.name.startswith("test_") and folder != ROOT:
            assert folder.is_dir(), f"{identify(path)} has no folder of its own in the tree"


@pytest.mark.parametrize("path", modules("scheduler/core"), ids=identify)
def test_core_is_pure(path: Path) -> None:
    for name in imports(path):
        if name.startswith("scheduler.core") or name in SHARED_WITH_EXECUTORS or name == "re2":
            continue
        assert name in CORE_STANDARD_LIBRARY, f"{identify(path)} imports {name}"


@pytest.mark.parametrize("name", sorted(SHARED_WITH_EXECUTORS))
def test_what_the_core_takes_from_the_executor_is_pure(name: str) -> None:
    assert imports(MODULES[name]) <= {*CORE_STANDARD_LIBRARY, *SHARED_WITH_EXECUTORS, "sys"}


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
        pytest.param("cli", {"cli"}, id="cli"),
        pytest.param("api", {"api", "scheduler", "executor"}, id="api"),
    ],
)
def test_packages_keep_their_borders(package: str, allowed: set[str]) -> None:
    for path in modules(package):
        assert top(imports(path)) & OURS <= allowed, identify(path)


def test_scheduler_imports_only_the_protocol_and_the_codec_of_the_executor() -> None:
    for package in ("scheduler", "service", "api"):
        for path in modules(package):
            for name in imports(path):
                if name.startswith("executor"):
                    shared = SHARED_WITH_DRIVERS if identify(path).startswith("scheduler/driver/") else set()
                    assert name in {"executor", *SHARED_WITH_EXECUTORS, *shared}, identify(path)
                others = {"localmesos", "devcluster", "cli", "tests", "bench"}
                assert name.partition(".")[0] not in others, identify(path)


@pytest.mark.parametrize(
    ("library", "users"),
    [
        pytest.param(
            "pymesos",
            {
                "scheduler/driver/driver.py",
                "scheduler/driver/detector.py",
                "executor/agent/connection.py",
                "executor/mesos_http.py",
            },
            id="pymesos",
        ),
        pytest.param(
            "cryptography",
            {
                "scheduler/security/sealing.py",
                "scheduler/security/service_account.py",
                "scheduler/security/api_certificate.py",
                "scheduler/security/backup_keys.py",
                "executor/backup/seal/keys.py",
                "executor/backup/seal/cipher.py",
                "executor/backup/seal/vault.py",
                "scheduler/security/authority.py",
                "executor/tls/certificate.py",
            },
            id="cryptography",
        ),
        pytest.param("flask", None, id="flask"),
        pytest.param("rich", {"cli/progress.py"}, id="rich"),
    ],
)
def test_each_library_has_one_home(library: str, users: set[str] | None) -> None:
    for package in PRODUCT:
        for path in modules(package):
            if library not in top(imports(path)):
                continue
            if users is not None:
                assert identify(path) in users
            else:
                assert path.parts[len(ROOT.parts)] == "api"


@pytest.mark.parametrize("path", modules("tests/unit/scheduler/core") + modules("tests/simulation"), ids=identify)
def test_core_is_tested_without_patches(path: Path) -> None:
    source = path.read_text()
    assert not {"mock", "unittest"} & top(imports(path))
    assert "monkeypatch" not in source


def test_no_module_is_named_for_everything() -> None:
    for package in PRODUCT:
        for path in modules(package):
            assert path.stem not in {"utils", "util", "common", "helpers", "misc", "manager"}, identify(path)
