"""Secrets come from two places, in that order, and show nowhere."""

from pathlib import Path

import pytest

from ingestion.source import SourceError
from ingestion.vendors.secrets import Secrets


def place(folder: Path, text: str) -> None:
    (folder / ".dlt").mkdir()
    (folder / ".dlt" / "secrets.toml").write_text(text)


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    place(tmp_path, '[sources.crm]\ntoken = "of the file"\nother = "also"\n[sources.else]\ntoken = "no"\n')
    secrets = Secrets("crm", tmp_path, {"SOURCES__CRM__TOKEN": " of the environment\n"})
    assert (secrets["token"], secrets["other"], secrets.get("third")) == ("of the environment", "also", None)


def test_a_missing_one_names_both_places(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"SOURCES__CRM__TOKEN.*\[sources\.crm\] in .*secrets\.toml"):
        Secrets("crm", tmp_path, {})["token"]


def test_a_broken_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    place(tmp_path, '[sources.crm]\ntoken = "s3cr3t\n')
    with pytest.raises(SourceError, match="not readable") as failure:
        Secrets("crm", tmp_path, {})["token"]
    assert "s3cr3t" not in str(failure.value)
    assert failure.value.__suppress_context__


def test_no_secret_is_in_the_repr(tmp_path: Path) -> None:
    assert "hidden" not in repr(Secrets("crm", tmp_path, {"SOURCES__CRM__TOKEN": "hidden"}))
