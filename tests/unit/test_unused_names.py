"""No dead code: what the product defines, it uses itself, and not in tests alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from executor.node.job_table import JOBS
from tests.unit.test_architecture import MODULES, ROOT

# What libraries call: pymesos, gunicorn, click, logging, urllib, h11 and Cassandra's driver.
HOOKS = {
    "_get_conn", "_get_version", "chunk", "command_class", "emit", "format_commands", "gen_request", "gettimeout",
    "handle_exit", "load_config", "recv_results_rows", "recv_results_schema_change", "redirect_request",
}  # fmt: skip
# Names that the product makes at run time begin so: pymesos' events, and localmesos' messages.
EVENTS = ("__", "on_", "_on_")
# What others read: stored records, documents of backups, and the figures that the API hands on.
READ_BY_OTHERS = {"described_at", "micros", "mount_root"}
# Decorators that register nothing.
PLAIN = {"property", "staticmethod", "classmethod"}


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the functions of a module that no decorator registers, its classes, and their fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if all(isinstance(item, ast.Name) and item.id in PLAIN for item in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.ClassDef) and node.name != "Settings":  # whose fields the table of settings fills
            yield node.name
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    yield item.target.id


def members(tree: ast.Module) -> Iterator[str]:
    """Yield the members of a module's enumerations, whose values can be their names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
            for item in node.body:
                if isinstance(item, ast.Assign):
                    yield from (target.id for target in item.targets if isinstance(target, ast.Name))


def used(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module imports, calls and reads, and those for getattr."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            if isinstance(node.ctx, ast.Load):
                yield node.attr if isinstance(node, ast.Attribute) else node.id
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.MatchClass):
            yield from node.kwd_attrs
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
            yield from node.value.split(":")[1:]  # as in `module:name`


def unused(trees: dict[str, ast.Module], known: set[str]) -> set[str]:
    """Return `module: name` for each name that is defined in one of the trees and used in none."""
    known = known.union(*(used(tree) for tree in trees.values()))
    return {
        f"{module}: {name}"
        for module, tree in trees.items()
        for name in defined(tree)
        if name not in known and not name.startswith(EVENTS)
    }


def test_each_name_is_used() -> None:
    trees = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
    read = {node.attr for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {
        f"{module}: {name}" for module, tree in trees.items() for name in members(tree) if name not in read
    } == set()
    templates = {word for path in (ROOT / "api").rglob("*.html") for word in re.findall(r"\w+", path.read_text())}
    jobs = {f"{kind}{name.replace('-', '_')}" for name in JOBS for kind in ("", "backup_")}
    assert unused(trees, HOOKS | READ_BY_OTHERS | templates | jobs) == set()


def test_unused_names_are_found() -> None:
    source = """
class Ring:
    size: int
    @property
    def first(self): return self.size
    @property
    def last(self): return 0
def make(): return Ring().first
"""
    assert unused({"ring": ast.parse(source)}, set()) == {"ring: last", "ring: make"}
