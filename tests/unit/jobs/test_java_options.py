"""Spark's JVM starts from an archive of classes where there is one, and without it where there is none."""

import tempfile
from pathlib import Path

import pytest

from jobs.runtime.java_options import archive_classes, class_archive, java_options
from jobs.runtime.settings import load_settings


def test_an_archive_is_named_only_where_there_is_one(tmp_path: Path) -> None:
    settings = load_settings().spark
    without = java_options(settings, tmp_path)
    assert "SharedArchiveFile" not in without
    class_archive(tmp_path).touch()
    assert f"-XX:SharedArchiveFile={tmp_path}/longplay.jsa" in java_options(settings, tmp_path)
    assert java_options(settings, tmp_path).startswith(without)


def test_an_archive_that_cannot_be_written_leaves_none_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    class_archive(tmp_path).write_text("of another Java", encoding="utf-8")
    assert "Java is missing" in (archive_classes(tmp_path) or "")
    assert not list(tmp_path.iterdir())


def test_java_uses_the_temporary_folder_of_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/scratch/of us")
    assert '"-Djava.io.tmpdir=/scratch/of us"' in java_options(load_settings().spark, tmp_path)
