"""What was planted in the company and is worth finding, stated by the simulation itself.

Tests ask here what the raw data, and later the marts, must show.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ingestion.demo_company import profile
from ingestion.demo_company.calendar import date_of
from ingestion.demo_company.simulation import SimulatedCompany


@dataclass(frozen=True)
class StallingSegment:
    """Its open deals (no renewals) stay in a stage `time_factor` times as long as they would elsewhere."""

    segment: str
    stage: str
    time_factor: float


@dataclass(frozen=True)
class PushingRep:
    """Moves close dates later before each of them is due: several times as often as anybody else in the team."""

    user_id: str
    user_name: str
    team: str


@dataclass(frozen=True)
class FruitlessCampaign:
    """Brings more leads than any other campaign, many of them MQLs, and not one opportunity."""

    campaign_id: str
    campaign_name: str
    lead_ids: tuple[str, ...]


@dataclass(frozen=True)
class ChurningCohort:
    """Customers whose first paid subscription began from `first_date` to `last_date`: most leave within two years.

    Rates are yearly chances to leave; `usual_yearly_churn` is by segment.
    """

    fiscal_quarter: str
    first_date: date
    last_date: date
    account_ids: tuple[str, ...]
    yearly_churn: float
    usual_yearly_churn: Mapping[str, float]


@dataclass(frozen=True)
class RenamedStage:
    """From `first_date` on the CRM calls a stage by its new label."""

    pipeline: str
    old_label: str
    new_label: str
    first_date: date


@dataclass(frozen=True)
class Truth:
    """Everything planted, as far as the company has lived (the campaign is None before it began)."""

    stalling_segment: StallingSegment
    pushing_rep: PushingRep
    fruitless_campaign: FruitlessCampaign | None
    churning_cohort: ChurningCohort
    renamed_stages: tuple[RenamedStage, ...]
    missing_days: tuple[date, ...]


def missing_days(start_date: date) -> tuple[date, ...]:
    """The days on which the company's systems could not be asked."""
    return tuple(start_date + timedelta(days=offset) for offset in profile.OUTAGE_OFFSETS)


def truth_of(company: SimulatedCompany) -> Truth:
    """The truth of a company on its `today`."""
    return Truth(
        stalling_segment=StallingSegment(profile.STALLING_SEGMENT, profile.NEGOTIATION, profile.STALL_FACTOR),
        pushing_rep=_pushing_rep(company),
        fruitless_campaign=_fruitless_campaign(company),
        churning_cohort=_churning_cohort(company),
        renamed_stages=tuple(
            RenamedStage(
                rename.pipeline,
                rename.stage,
                rename.new_label,
                company.start_date + timedelta(days=rename.day_offset),
            )
            for rename in profile.RENAMES
        ),
        missing_days=missing_days(company.start_date),
    )


def _pushing_rep(company: SimulatedCompany) -> PushingRep:
    pusher_id = company.staff.pusher_id
    pusher = next(user for user in company.staff.users if user.user_id == pusher_id)
    return PushingRep(pusher.user_id, pusher.user_name, pusher.team)


def _fruitless_campaign(company: SimulatedCompany) -> FruitlessCampaign | None:
    giveaway = company.marketing.giveaway
    if giveaway is None:
        return None
    leads = tuple(lead.person_id for lead in company.marketing.leads if lead.campaign_id == giveaway.campaign_id)
    return FruitlessCampaign(giveaway.campaign_id, giveaway.campaign_name, leads)


def _churning_cohort(company: SimulatedCompany) -> ChurningCohort:
    quarter = company.billing.restless_quarter
    return ChurningCohort(
        fiscal_quarter=quarter.name,
        first_date=date_of(quarter.first_day),
        last_date=date_of(quarter.last_day),
        account_ids=tuple(account.account_id for account in company.accounts.all if account.is_restless),
        yearly_churn=profile.RESTLESS_YEARLY_CHURN,
        usual_yearly_churn={segment.name: segment.yearly_churn for segment in profile.SEGMENTS},
    )
