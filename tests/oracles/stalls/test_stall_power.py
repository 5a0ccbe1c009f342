"""Simulated deals whose truth is known: a stall rule without power must show none, and one with power must be found.

Won deals are decided sooner than lost ones. Next steps go missing and are written down again by chance alone, so a
missing next step says nothing; but the longer a deal lives, the likelier it ever lacked one. Whoever flags deals that
were ever stalled takes that for a warning. Half of the deals are weak: those push their close date every week, and are
seldom won.

In a second company close dates are pushed by chance alone, deal by deal, week by week. That says nothing either, but
whoever has been pushed three times is old, and old deals are seldom won: only at equal age does it show.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.dbt_project import dbt_build
from tests.dbt_project.ledger_cache import Company
from tests.oracles.random_companies import STAGE_COLUMNS

# Two builds of 2,400 deals. `test_stalls.py` computes the same columns again every time; this asks what they are worth.
pytestmark = pytest.mark.slow
FIRST_DAY = date(2024, 1, 1)
DAYS = 500
DEALS = 2400
STAGES = f"""{STAGE_COLUMNS}
*,*,Working,,1,open,0.5,,,,,
*,*,Won,,2,won,1,,,,,
*,*,Lost,,2,lost,0,,,,,
"""


@dataclass
class Deal:
    """One simulated deal."""

    row: dict[str, Any]
    is_weak: bool
    will_win: bool
    days_to_live: int
    age: int = 0
    ever_blank: bool = False

    def live(self, generator: random.Random, day: date) -> None:
        """One more day."""
        self.age += 1
        changed = dict(self.row)
        if self.age >= self.days_to_live:
            changed["stage"] = "Won" if self.will_win else "Lost"
        elif generator.random() < (0.2 if self.row["next_step"] is None else 0.05):  # a fifth is without, at any age
            changed["next_step"] = "Call" if self.row["next_step"] is None else None
        if self.is_weak and self.age % 7 == 0:
            changed["close_date"] = self.row["close_date"] + timedelta(days=7)
        self.row = changed
        self.ever_blank |= self.row["next_step"] is None


@pytest.fixture(scope="module")
def deals() -> tuple[Company, list[Deal]]:
    """A company of such deals over 500 days."""
    generator = random.Random(11)
    born = sorted(generator.randrange(DAYS - 100) for _ in range(DEALS))
    alive: list[Deal] = []
    done: list[Deal] = []
    states: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        for deal in alive:
            deal.live(generator, day)
        while born and born[0] == number:
            born.pop(0)
            is_weak = generator.random() < 0.5
            will_win = generator.random() < (0.15 if is_weak else 0.55)
            alive.append(
                Deal(
                    {
                        "opportunity_id": f"D{len(alive) + len(done)}",
                        "stage": "Working",
                        "amount": Decimal(100),
                        "created_at": datetime.combine(day, datetime.min.time()) + timedelta(hours=12),
                        "close_date": day + timedelta(days=200),
                        "next_step": None if generator.random() < 0.2 else "Call",
                    },
                    is_weak,
                    will_win,
                    1 + int(generator.expovariate(1 / (20 if will_win else 60))),
                )
            )
        states[day] = {(deal.row["opportunity_id"],): deal.row for deal in [*alive, *done]}
        done += [deal for deal in alive if deal.row["stage"] != "Working"]
        alive = [deal for deal in alive if deal.row["stage"] == "Working"]
    return Company("simulated", {"opportunity": states}), done


@pytest.fixture(scope="module")
def chance() -> Company:
    """A company whose close dates are pushed by chance."""
    generator = random.Random(12)
    states: dict[date, dict[tuple[Any, ...], dict[str, Any]]] = {
        FIRST_DAY + timedelta(days=number): {} for number in range(DAYS)
    }
    for number in range(DEALS):
        born = generator.randrange(DAYS - 100)
        will_win = generator.random() < 0.35
        end = born + 1 + int(generator.expovariate(1 / (20 if will_win else 60)))
        created = datetime.combine(FIRST_DAY, datetime.min.time()) + timedelta(days=born, hours=12)
        close_date = created.date() + timedelta(days=200)
        for now in range(born, DAYS):
            close_date += timedelta(days=7 if now < end and (now - born) % 7 == 6 and generator.random() < 0.5 else 0)
            states[FIRST_DAY + timedelta(days=now)][(f"D{number}",)] = {
                "opportunity_id": f"D{number}",
                "stage": "Working" if now < end else "Won" if will_win else "Lost",
                "amount": Decimal(100),
                "created_at": created,
                "close_date": close_date,
                "next_step": "Call",
            }
    return Company("chance", {"opportunity": states})


@pytest.fixture(scope="module")
def patterns(
    deals: tuple[Company, list[Deal]], chance: Company, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], dict[str, Any]]:
    """What rpt_stall_patterns says of each company and rule, over all landmarks."""
    found = {}
    for company in (deals[0], chance):
        home = tmp_path_factory.mktemp(company.source)
        command = ("build", "--select", "+rpt_stall_patterns", "--resource-type", "model", "--resource-type", "seed")
        result = dbt_build.run(home, [company], definitions={"stage_definitions": STAGES}, command=command)
        assert result.success, result.told[-4000:]
        with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
            rows = connection.sql(
                "select * from marts.rpt_stall_patterns "
                "where segment = '(all)' and stage = '(all)' and fiscal_quarter = '(all)'"
            ).to_arrow_table()
        found.update({(company.source, row["rule"]): row for row in rows.to_pylist()})
    return found


def matched_error(pattern: dict[str, Any]) -> float:
    """The standard error of the difference at equal age; the others of an age are hardly more than the stalled."""
    share = pattern["matched_other_win_rate"]
    return 2 * math.sqrt(share * (1 - share) / (pattern["matched_decided"] / 2))


def error(pattern: dict[str, Any]) -> float:
    """The standard error of the difference of two rates; a deal is judged at two landmarks or so, so half count."""
    return math.sqrt(
        sum(
            pattern[f"{which}_win_rate"] * (1 - pattern[f"{which}_win_rate"]) / (pattern[f"{which}_decided"] / 2)
            for which in ("stalled", "other")
        )
    )


def chance_to_win(is_weak: bool, age: int) -> float:
    """The share of the deals of one kind, still open at an age, that will be won: what the simulation was told."""
    share = 0.15 if is_weak else 0.55
    won, lost = share * math.exp(-age / 20), (1 - share) * math.exp(-age / 60)
    return won / (won + lost)


def test_the_usual_flag_would_find_power_where_there_is_none(deals: tuple[Company, list[Deal]]) -> None:
    won: dict[bool, list[bool]] = {True: [], False: []}
    for deal in deals[1]:
        won[deal.ever_blank].append(deal.will_win)
    shares = {flag: sum(each) / len(each) for flag, each in won.items()}
    assert min(len(each) for each in won.values()) > 500
    assert shares[False] - shares[True] > 0.15


def test_a_rule_without_power_shows_none(patterns: dict[tuple[str, str], dict[str, Any]]) -> None:
    pattern = patterns["simulated", "missing_next_step"]
    assert pattern["stalled_decided"] > 300
    assert abs(pattern["stalled_win_rate"] - pattern["other_win_rate"]) < 2.5 * error(pattern)
    assert abs(pattern["matched_stalled_win_rate"] - pattern["matched_other_win_rate"]) < 2.5 * matched_error(pattern)


def test_a_rule_without_power_that_finds_the_old_shows_none_at_equal_age(
    patterns: dict[tuple[str, str], dict[str, Any]],
) -> None:
    pattern = patterns["chance", "close_date_pushed"]
    assert pattern["matched_decided"] > 300
    assert pattern["other_win_rate"] - pattern["stalled_win_rate"] > 0.1  # what landmarks alone would say
    assert matched_error(pattern) < 0.04
    assert abs(pattern["matched_stalled_win_rate"] - pattern["matched_other_win_rate"]) < 2.5 * matched_error(pattern)


def test_a_rule_with_power_is_found(patterns: dict[tuple[str, str], dict[str, Any]]) -> None:
    pattern = patterns["simulated", "close_date_pushed"]
    assert pattern["stalled_decided"] > 300
    assert pattern["other_win_rate"] - pattern["stalled_win_rate"] > 0.1 + 2.5 * error(pattern)
    difference = pattern["matched_other_win_rate"] - pattern["matched_stalled_win_rate"]
    assert difference > 3 * matched_error(pattern)
    ages = [
        age
        for age in range(21, 300)  # the third push comes after three weeks; the older, the fewer are left
        for _ in range(round(100 * (0.15 * math.exp(-age / 20) + 0.85 * math.exp(-age / 60))))
    ]
    known = sum(chance_to_win(False, age) - chance_to_win(True, age) for age in ages) / len(ages)
    assert abs(difference - known) < 2.5 * matched_error(pattern)
