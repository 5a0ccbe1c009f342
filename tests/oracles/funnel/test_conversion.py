"""A second opinion on what becomes of those who enter a step."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import pytest

from tests.oracles.conftest import SETTINGS, Built, build_once
from tests.oracles.funnel.conversion import FunnelOracle, until
from tests.oracles.funnel.lifecycle import PeopleOracle
from tests.oracles.opportunities.history import Oracle

KEY = ["cohort_month", "step", "unit", "segment", "dimension", "dimension_value"]
EXACT = [
    "entered", "converted", "recycled", "still_open", "undated", "reached_opportunity", "reached_won", "won_amount",
    "reported_entered", "won_amount_per_lead", "median_days", "is_mature", "volume_up_quality_down",
]  # fmt: skip
RATES = [
    "conversion_rate", "rate_low", "rate_high", "rate_7d", "rate_30d", "rate_90d", "rate_180d",
    "mql_to_opportunity_rate", "opportunity_to_won_rate", "earlier_conversion_rate",
]  # fmt: skip

UP_TO_THE_FUNNEL = (
    "build", "--select", "+rpt_funnel_conversion", "--exclude-resource-types", "test", "unit_test",
)  # fmt: skip


def test_conversion_equals_following_each_entrant(built: Built) -> None:
    people = PeopleOracle(Oracle(built.companies, built.definitions, *built.settings.values()))
    oracle = FunnelOracle(people, built.definitions)
    rows = built.rows("select * from marts.rpt_funnel_conversion")
    found = {tuple(row[name] for name in KEY): row for row in rows}
    expected = oracle.rows()
    assert set(found) == set(expected)
    assert len(rows) == len(found)
    for key, row in expected.items():
        assert {name: found[key][name] for name in EXACT} == {name: row[name] for name in EXACT}, key
        for name in RATES:
            value: Any = None if row[name] is None else pytest.approx(row[name], abs=1e-9)
            assert found[key][name] == value, (key, name)
    restated = {tuple(row.values()) for row in built.rows("select * from marts.fct_funnel_restatements")}
    assert restated == oracle.restatements()
    is_demo = built.companies[0].source == "demo"  # in which nobody is counted otherwise later
    assert is_demo or {(unit, change) for _, unit, *_, change in restated} >= {
        ("person", 1), ("person", -1), ("account", 1)
    }  # fmt: skip
    assert all(row["entered"] == row["converted"] + row["recycled"] + row["still_open"] for row in rows)
    assert {row["unit"] for row in rows} == {"person", "account"}
    assert any(row["recycled"] for row in rows)
    assert any(row["rate_7d"] is None for row in rows)
    assert any(row["rate_7d"] for row in rows)


def test_people_of_the_report_are_those_of_the_steps(built: Built) -> None:
    counted = (
        "select step, cast(date_trunc('month', step_date) as date) as cohort_month, count(*) as people "
        "from marts.fct_lifecycle_steps where step <> 'won' group by all"
    )
    reported = (
        "select step, cohort_month, entered + undated as people from marts.rpt_funnel_conversion "
        "where unit = 'person' and segment = '(all)' and dimension = '(all)'"
    )
    assert sorted(map(str, built.rows(f"{counted} order by all"))) == sorted(
        map(str, built.rows(f"{reported} order by all"))
    )


# The oracle cuts the ledger off in the same way, so this one says little more than that two builds agree.
@pytest.mark.slow
@pytest.mark.parametrize("built", [1], indirect=True)
@pytest.mark.parametrize("day", [date(2026, 1, 31), date(2026, 2, 9)])
def test_what_a_month_reported_is_the_same_in_a_later_build(
    built: Built, day: date, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    known = [company for each in built.companies if (company := until(each, day)).states]
    early = build_once(shared / f"companies-1-until-{day}", known, built.definitions, SETTINGS, UP_TO_THE_FUNNEL)
    query = f"select * from marts.rpt_funnel_conversion where last_day(cohort_month) <= date '{day}'"
    then, now = ({tuple(row[name] for name in KEY): row for row in each.rows(query)} for each in (early, built))
    reported = [{key: row["reported_entered"] for key, row in rows.items() if row["reported_entered"]}
                for rows in (then, now)]  # fmt: skip
    assert reported[0] == reported[1]
    assert len(reported[0]) > 100
    assert {key: row["entered"] for key, row in then.items()} != {key: row["entered"] for key, row in now.items()}
