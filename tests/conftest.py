"""The order of the files. Two workers take them one by one: the longest come first, and those that wait for the same
company to be built do not follow each other.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FIRST = (
    *("docs/test_drill_down.py", "orchestration/test_hubspot_to_marts.py", "oracles/coverage/test_coverage.py"),
    *("orchestration/test_salesforce_to_marts.py", "docs/test_planted.py", "orchestration/test_cli.py"),
    *("oracles/stalls/test_stalls.py", "orchestration/test_marketo_to_marts.py", "docs/test_readme.py"),
    *(
        "orchestration/test_nothing_lost.py",
        "oracles/revenue/test_retention.py",
        "orchestration/test_stripe_to_marts.py",
    ),
    *("oracles/opportunities/test_history.py", "orchestration/test_real_export.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.relative_to(TESTS).as_posix(), len(FIRST)))
