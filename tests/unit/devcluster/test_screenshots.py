"""Pictures of the page: of a cluster that is up, with a browser that is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from devcluster.layout import ClusterLayout
from devcluster.screenshots import PICTURES, NoPicturesError, take

DOCUMENTS = Path(__file__).parents[3] / "docs"


def test_without_a_cluster_there_are_no_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/chromium")
    with pytest.raises(NoPicturesError, match=r"run \./dev up first"):
        take(ClusterLayout(tmp_path), tmp_path, print)


def test_without_chromium_there_are_no_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NoPicturesError, match="apt-get install -y chromium"):
        take(ClusterLayout(tmp_path), tmp_path, print)


def test_the_documents_show_pictures_that_are_made() -> None:
    kept = {path.stem for path in (DOCUMENTS / "images").glob("*.png")}
    assert kept == {picture.name for picture in PICTURES}
