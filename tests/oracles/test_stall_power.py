"""Simulated deals whose truth is known: a stall rule without power must show none, and one with power must be found.

Won deals are decided sooner than lost ones. Next steps go missing and are written down again by chance alone, so a
missing next step says nothing; but the longer a deal lives, the likelier it ever lacked one. Whoever flags deals that
were ever stalled takes that for a warning. Half of the deals are weak: those push their close date every week, and are
seldom won.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt_project import dbt_build
from tests.dbt_project.ledger_cache import Company
from tests.oracles.random_companies import STAGE_COLUMNS

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
def patterns(deals: tuple[Company, list[Deal]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What rpt_stall_patterns says of each rule, over all landmarks."""
    home = tmp_path_factory.mktemp("simulated")
    command = ("build", "--select", "+rpt_stall_patterns", "--resource-type", "model", "--resource-type", "seed")
    result = dbt_build.run(home, [deals[0]], definitions={"stage_definitions": STAGES}, command=command)
    assert result.returncode == 0, result.stdout[-4000:]
    names = ("stalled_win_rate", "stalled_decided", "other_win_rate", "other_decided")
    rows = dbt_build.read(
        home,
        f"select rule, {', '.join(names)} from marts.rpt_stall_patterns "
        "where segment = '(all)' and stage = '(all)' and fiscal_quarter = '(all)'",
    )
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def error(pattern: dict[str, Any]) -> float:
    """The standard error of the difference of two rates; a deal is judged at two landmarks or so, so half count."""
    return math.sqrt(
        sum(
            pattern[f"{which}_win_rate"] * (1 - pattern[f"{which}_win_rate"]) / (pattern[f"{which}_decided"] / 2)
            for which in ("stalled", "other")
        )
    )


def test_the_usual_flag_would_find_power_where_there_is_none(deals: tuple[Company, list[Deal]]) -> None:
    won: dict[bool, list[bool]] = {True: [], False: []}
    for deal in deals[1]:
        won[deal.ever_blank].append(deal.will_win)
    shares = {flag: sum(each) / len(each) for flag, each in won.items()}
    assert min(len(each) for each in won.values()) > 500
    assert shares[False] - shares[True] > 0.15


def test_a_rule_without_power_shows_none(patterns: dict[str, dict[str, Any]]) -> None:
    pattern = patterns["missing_next_step"]
    assert pattern["stalled_decided"] > 300
    assert abs(pattern["stalled_win_rate"] - pattern["other_win_rate"]) < 2.5 * error(pattern)


def test_a_rule_with_power_is_found(patterns: dict[str, dict[str, Any]]) -> None:
    pattern = patterns["close_date_pushed"]
    assert pattern["stalled_decided"] > 300
    assert pattern["other_win_rate"] - pattern["stalled_win_rate"] > 0.1 + 2.5 * error(pattern)
