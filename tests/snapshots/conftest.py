"""Where the ledgers of these tests lie: on disk, and those of the modules below once more in a bucket."""

from collections.abc import Iterator

import pytest

from tests import object_store
from tests.object_store import needs_store
from tests.snapshots.company import BUCKET

ON_BOTH = {
    *("test_capture_oracle", "test_crash", "test_damage", "test_gates", "test_last_days"),
    *("test_reconstruct", "test_rejects", "test_schema_drift"),
}
QUICK = {
    *("test_what_a_crash_left_out_of_the_cache_is_caught_up_without_a_capture", "test_a_lost_salt_is_not_made_anew"),
    *("test_of_two_writers_that_make_a_table_the_second_is_refused", "test_many_clean_days_at_once_are_one_commit"),
    "test_a_second_backfill_replaces_the_first_whole_and_an_equal_one_writes_nothing",
}
"""Of the tests in a bucket, those that are not slow."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.fixturenames.insert(0, "place")
        marks = [needs_store, *([] if metafunc.function.__name__ in QUICK else [pytest.mark.slow])]
        places = ["disk", pytest.param("bucket", marks=marks)]
        metafunc.parametrize("place", places, indirect=True, scope="module")


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the ledgers lie."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "bucket":
            for name, value in (object_store.environment() | {BUCKET: object_store.url()}).items():
                patch.setenv(name, value)
        yield request.param
