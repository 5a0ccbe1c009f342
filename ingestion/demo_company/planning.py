"""Planning: quotas for every quarter, the forecasts that managers submit each week, and the teams' own lists."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ingestion.demo_company.business_objects import ForecastSubmission, ListLine, Opportunity, Quota
from ingestion.demo_company.calendar import HOUR, FiscalQuarter, date_of, fiscal_quarter
from ingestion.demo_company.profile import (
    CLOSED_WON,
    LIST_DELAY_DAYS,
    PIPELINES,
    SEGMENT,
    TEAMS,
    TOO_HIGH_FACTOR,
    TOO_HIGH_TEAM,
    Team,
)
from ingestion.demo_company.sales import Sales
from ingestion.demo_company.staff import Staff
from ingestion.demo_company.world import World

_SELLING = tuple(team for team in TEAMS if team.segment)
_QUOTA_DEALS = 3  # of the segment's usual size, to be won in a quarter
_DOLLARS = {"USD": 1.0, "EUR": 1.08}  # as managers reckon


class Planning:
    """What is expected of sales, by whom. It begins the day, and so it sees all as it was when the last one ended."""

    def __init__(self, world: World, staff: Staff, sales: Sales) -> None:
        self._world = world
        self._staff = staff
        self._sales = sales
        self.doubled: list[tuple[str, str]] = []  # list and opportunity that it has twice

    def found(self) -> None:
        """The running quarter has its quotas from the beginning."""
        self._set_quotas()

    def live(self) -> None:
        """One day: a quarter begins, a Monday brings forecasts, and a team draws up its list."""
        world = self._world
        if world.day == fiscal_quarter(world.day).first_day:
            self._set_quotas()
        if date_of(world.day).weekday() == 0:
            deals = self._deals_of(fiscal_quarter(world.day))
            for team in _SELLING:
                self._submit(team, [deal for deal in deals if deal.account.size == team.segment])
        if self._is_list_day(world.day - 1):
            self._post(self._lines("finance", world.day - 1))
        listed = world.day - 1 + LIST_DELAY_DAYS
        if self._is_list_day(listed):
            world.plan(listed, partial(self._post, self._lines("marketing", listed)))

    # ---- quotas

    def _set_quotas(self) -> None:
        """Everybody who sells gets one for the quarter that begins; who joins later waits for the next."""
        quarter = fiscal_quarter(self._world.day)
        for team in _SELLING:
            for user in self._staff.members(team.name):
                self._world.save(
                    "quota",
                    Quota(
                        quota_id=f"quo-{quarter.name}-{user.user_id}",
                        owner_id=user.user_id,
                        team=team.name,
                        period_start_date=quarter.first_day,
                        period_end_date=quarter.last_day,
                        quota_amount=SEGMENT[str(team.segment)].yearly_value * _QUOTA_DEALS * 100,
                        currency_code="USD",
                    ),
                )

    # ---- forecasts

    def _submit(self, team: Team, deals: Sequence[Opportunity]) -> None:
        """The manager calls what will have been won of the quarter's `deals` at its end: Commit, and Best Case."""
        quarter, manager = fiscal_quarter(self._world.day), self._staff.manager(team.name)
        won = sum(_dollars(deal) for deal in deals if deal.stage == CLOSED_WON)
        hoped = sum(_dollars(deal) * _odds(deal) for deal in deals if deal.is_open)
        best = sum(_dollars(deal) for deal in deals if deal.is_open)
        factor = TOO_HIGH_FACTOR if team.name == TOO_HIGH_TEAM else 1.0
        for category, amount in (("commit", (won + hoped) * factor), ("best_case", (won + best) * factor)):
            self._world.save(
                "forecast_submission",
                ForecastSubmission(
                    submission_id=f"fcs-{quarter.name}-{manager.user_id}-{category}",
                    owner_id=manager.user_id,
                    team=team.name,
                    period_start_date=quarter.first_day,
                    period_end_date=quarter.last_day,
                    forecast_category=category,
                    amount=round(amount),
                    currency_code="USD",
                    submitted_at=self._world.clock.instant(self._world.day, 9 * HOUR),
                ),
            )

    def _deals_of(self, quarter: FiscalQuarter) -> Sequence[Opportunity]:
        """Open and closed deals with a close date in a quarter, as they stand today."""
        return [
            deal
            for deals in (self._sales.open_deals, self._sales.closed_deals)
            for deal in deals
            if deal.close_date is not None
            and quarter.first_day <= deal.close_date <= quarter.last_day
            and not deal.is_deleted
        ]

    # ---- the teams' own lists

    def _is_list_day(self, day: int) -> bool:
        """The first Monday of a month, once all that a list shows can be asked of the CRM."""
        is_first_monday = date_of(day).weekday() == 0 and date_of(day).day <= 7
        return is_first_monday and day >= self._world.start_day + LIST_DELAY_DAYS

    def _lines(self, team: str, as_of: int) -> list[ListLine]:
        """The open deals that are due in the quarter of `as_of`, as they stand now. Finance's list has one twice."""
        quarter = fiscal_quarter(as_of)
        open_deals = [deal for deal in self._deals_of(quarter) if deal.is_open]
        lines = [
            ListLine(
                list_id=f"lst-{team}-{date_of(as_of)}",
                line_number=number,
                team=team,
                as_of=as_of,
                opportunity_id=deal.opportunity_id,
                opportunity_name=deal.opportunity_name,
                account_name=deal.account.account_name,
                amount=deal.amount,
                currency_code=deal.currency_code,
                close_date=deal.close_date,
                fiscal_quarter=quarter.name,
            )
            for number, deal in enumerate(open_deals, 1)
        ]
        known = [line for line in lines if line.amount]
        if team == "finance" and known:
            largest = max(known, key=lambda line: line.amount or 0)
            lines.append(replace(largest, line_number=len(lines) + 1))
            self.doubled.append((largest.list_id, largest.opportunity_id))
        return lines

    def _post(self, lines: Sequence[ListLine]) -> None:
        for line in lines:
            self._world.log("team_pipeline", line)


def _dollars(deal: Opportunity) -> float:
    """A deal's amount in cents, in dollars; 0 where it is empty."""
    return (deal.amount or 0) * _DOLLARS[deal.currency_code]


def _odds(deal: Opportunity) -> float:
    """What a manager who has seen many quarters expects of an open deal that is due in this one."""
    return PIPELINES[deal.pipeline].stages[deal.step].probability * 0.7
