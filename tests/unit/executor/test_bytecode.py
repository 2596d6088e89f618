"""The bytecode in the executor bundle, whatever the builder's environment."""

from __future__ import annotations

import marshal
import sys
from pathlib import Path
from types import CodeType

import pytest

from executor import bytecode, program

FILES = {
    "lib/executor/program.py": Path(program.__file__),
    "lib/executor/bytecode.py": Path(bytecode.__file__),  # no start loads it
    "lib/executor/__init__.py": Path(program.__file__).with_name("__init__.py"),
}


def place(name: str) -> str:
    return f"lib/executor/__pycache__/{name}.{sys.implementation.cache_tag}.pyc"


def test_its_place_does_not_depend_on_where_the_builder_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    assert bytecode.compiled(FILES).keys() == {place("program"), place("__init__")}


def test_a_module_with_constants_that_the_format_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    dumps = marshal.dumps

    def refusing(code: CodeType, version: int = marshal.version) -> bytes:
        if code.co_filename == "program.py":
            raise ValueError("unmarshallable object")
        return dumps(code, version)

    monkeypatch.setattr(marshal, "dumps", refusing)
    assert bytecode.compiled(FILES).keys() == {place("__init__")}
