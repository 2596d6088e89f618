"""No dead code: each function, class and field of the product is used by the product, not by tests alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from executor.node.job_table import JOBS
from tests.unit.test_architecture import MODULES, ROOT

# What libraries call: pymesos, gunicorn, click, logging, urllib, h11 and Cassandra's driver.
HOOKS = {
    "_get_conn", "_get_version", "chunk", "command_class", "emit", "format_commands", "gen_request", "gettimeout",
    "handle_exit", "load_config", "recv_results_rows", "redirect_request",
}  # fmt: skip
# Names that the product makes at run time begin so: pymesos' events, and localmesos' messages.
EVENTS = ("__", "on_", "_on_")
# What others read: stored records, documents of backups, and the figures that the API hands on.
READ_BY_OTHERS = {"described_at", "micros", "mount_root"}
# The store that tests and measurements run the scheduler on.
STORES = {"MemoryStore"}


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the functions of a module that no decorator registers, its classes, and their fields."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name, decorator_list=[]) | ast.AsyncFunctionDef(name=name, decorator_list=[]):
                yield name
            case ast.FunctionDef(name=name, decorator_list=[ast.Name(id="property" | "staticmethod" | "classmethod")]):
                yield name
            case ast.ClassDef(name="Settings"):  # the table of settings fills and reads its fields
                continue
            case ast.ClassDef(name=name, body=body):
                yield name
                yield from (
                    item.target.id
                    for item in body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                )


def used(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module imports, calls and reads, and those for getattr."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()) | ast.alias(name=name):
                yield name
            case ast.MatchClass(kwd_attrs=names):
                yield from names
            case ast.Constant(value=str() as text):
                yield text
                yield from text.split(":")[1:]  # as in `module:name`


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
    templates = {word for path in (ROOT / "api").rglob("*.html") for word in re.findall(r"\w+", path.read_text())}
    jobs = {f"{kind}{name.replace('-', '_')}" for name in JOBS for kind in ("", "backup_")}
    assert unused(trees, HOOKS | READ_BY_OTHERS | STORES | templates | jobs) == set()


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
