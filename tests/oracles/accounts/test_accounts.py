"""A second opinion on the accounts: the segment that the rules of the last captured day give each."""

from __future__ import annotations

from tests.oracles.accounts.segments import segment_of
from tests.oracles.conftest import Built
from tests.oracles.days.definitions import definition_rows


def test_every_account_has_the_segment_that_the_rules_of_the_last_day_give_it(built: Built) -> None:
    rules = definition_rows(built.definitions["segments"])
    expected: dict[tuple[str, str], str] = {}
    for company in built.companies:
        last = max(max(states) for states in company.states.values() if states)
        states = company.states["account"]
        expected |= {
            (company.source, identity): segment_of(row, rules, last) for (identity,), row in states[max(states)].items()
        }
    found = {
        (row["source"], row["account_id"]): row["segment"]
        for row in built.rows("select source, account_id, segment from marts.dim_account where not is_deleted")
    }
    assert len(found) > 100
    assert found == expected
