"""The home: one meaning."""

import json
from pathlib import Path

import pytest

from orchestration.settings.config import Company
from orchestration.settings.errors import HomeError
from orchestration.settings.home import MARKER, Home, check_home, find_home, open_home
from snapshots.place import LocalPlace

COMPANY = Company("America/New_York", "USD")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_new_home_says_what_it_was_made_for(home: Home) -> None:
    home.root.mkdir()
    open_home(home, LocalPlace(home.root), COMPANY)
    marker = json.loads((home.root / MARKER).read_text())
    assert (marker["format"], marker["time_zone"], marker["base_currency"]) == (1, "America/New_York", "USD")


@pytest.mark.parametrize("company", [Company("Europe/Berlin", "USD"), Company("America/New_York", "EUR")])
def test_another_time_zone_or_currency_is_refused(home: Home, company: Company) -> None:
    home.root.mkdir()
    open_home(home, LocalPlace(home.root), COMPANY)
    before = (home.root / MARKER).read_bytes()
    with pytest.raises(HomeError, match="was made with"):
        open_home(home, LocalPlace(home.root), company)
    assert (home.root / MARKER).read_bytes() == before


def test_a_newer_format_is_refused(home: Home) -> None:
    home.root.mkdir()
    (home.root / MARKER).write_text('{"format": 2, "time_zone": "America/New_York"}')
    with pytest.raises(HomeError, match="format 2, at most 1 understood"):
        check_home(LocalPlace(home.root), COMPANY)


def test_a_damaged_marker_is_refused(home: Home) -> None:
    home.root.mkdir()
    (home.root / MARKER).write_text("{")
    with pytest.raises(HomeError, match="not readable"):
        check_home(LocalPlace(home.root), COMPANY)


def test_an_older_format_is_migrated_after_a_copy(home: Home) -> None:
    home.root.mkdir()
    (home.root / MARKER).write_text('{"time_zone": "America/New_York", "note": "kept"}')
    open_home(home, LocalPlace(home.root), COMPANY)
    marker = json.loads((home.root / MARKER).read_text())
    assert marker["format"] == 1
    assert marker["base_currency"] == "USD"
    assert marker["note"] == "kept"
    copy = json.loads((home.root / "before-format-1" / "home.json").read_text())
    assert copy == {"time_zone": "America/New_York", "note": "kept"}


@pytest.mark.parametrize("name", ["it's", "100%", "a?", "[b]", "b]", "a|b", "a^b", "a\\b", "a\nb", "a=b"])
def test_a_folder_that_a_library_cannot_write_to_is_refused_before_anything_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(HomeError, match=r"in its path.*Rename the folder, or set PIPELEDGER_HOME"):
        find_home({"PIPELEDGER_HOME": name}, tmp_path)
    assert list(tmp_path.iterdir()) == []
