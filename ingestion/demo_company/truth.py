"""What was planted in the company and is worth finding, stated by the simulation itself.

Tests ask here what the raw data, and later the marts, must show.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ingestion.demo_company import profile
from ingestion.demo_company.calendar import date_of, day_number, month_end
from ingestion.demo_company.sales import backdated_quarter
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
class ChangedContacts:
    """Contacts whose mail bounces since they left, and those who got another title."""

    leaver_ids: tuple[str, ...]
    retitled_ids: tuple[str, ...]


@dataclass(frozen=True)
class Duplicates:
    """Accounts and people that were entered twice: the first entry, and the second in another spelling."""

    account_ids: tuple[tuple[str, str], ...]
    person_ids: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TooHighTeam:
    """Its manager submits `factor` times what other managers would have called."""

    team: str
    factor: float


@dataclass(frozen=True)
class TooHighSegment:
    """Its deals are called Commit already in these stages, earlier than elsewhere: their forecast is too high."""

    segment: str
    stages: tuple[str, ...]


@dataclass(frozen=True)
class BackdatedWins:
    """What was won from `first_date` to `last_date` (renewals left out) has `close_date`, or the day it was created."""

    first_date: date
    last_date: date
    close_date: date


@dataclass(frozen=True)
class LateAnswers:
    """Leads that are answered more than `hours` after they qualified are accepted `factor` times as often."""

    hours: int
    factor: float


@dataclass(frozen=True)
class SpareChannel:
    """A channel that costs money and has neither touches nor leads."""

    channel: str
    campaign_ids: tuple[str, ...]


@dataclass(frozen=True)
class TroubledCustomers:
    """Customers with a pile of tickets before a term ends, most of whom then leave (yearly chance)."""

    account_ids: tuple[str, ...]
    yearly_churn: float


@dataclass(frozen=True)
class FavouredSource:
    """Deals of this lead source are lost `loss_factor` times as often at each stage."""

    lead_source: str
    loss_factor: float


@dataclass(frozen=True)
class Lists:
    """Marketing's list shows the pipeline of `marketing_days_old` days before; finance's has a deal twice."""

    marketing_days_old: int
    finance_doubled: tuple[tuple[str, str], ...]  # list and opportunity


@dataclass(frozen=True)
class Truth:
    """Everything planted, as far as the company has lived (the campaign is None before it began)."""

    stalling_segment: StallingSegment
    pushing_rep: PushingRep
    fruitless_campaign: FruitlessCampaign | None
    churning_cohort: ChurningCohort
    renamed_stages: tuple[RenamedStage, ...]
    missing_days: tuple[date, ...]
    changed_contacts: ChangedContacts
    duplicates: Duplicates
    handed_over_ids: tuple[str, ...]  # opportunities that went to another owner after they were won
    too_high_team: TooHighTeam
    too_high_segment: TooHighSegment
    backdated_wins: BackdatedWins
    late_answers: LateAnswers
    spare_channel: SpareChannel
    troubled_customers: TroubledCustomers
    favoured_source: FavouredSource
    lists: Lists


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
        changed_contacts=ChangedContacts(
            tuple(person.person_id for person in company.contacts.leavers),
            tuple(person.person_id for person in company.contacts.retitled),
        ),
        duplicates=Duplicates(
            tuple((first.account_id, again.account_id) for first, again in company.contacts.doubled_accounts),
            tuple((first.person_id, again.person_id) for first, again in company.contacts.doubled_people),
        ),
        handed_over_ids=tuple(deal.opportunity_id for deal in company.sales.handed_over),
        too_high_team=TooHighTeam(profile.TOO_HIGH_TEAM, profile.TOO_HIGH_FACTOR),
        too_high_segment=TooHighSegment(profile.TOO_HIGH_SEGMENT, profile.TOO_HIGH_STAGES),
        backdated_wins=_backdated_wins(company),
        late_answers=LateAnswers(profile.LATE_ANSWER_HOURS, profile.LATE_ANSWER_FACTOR),
        spare_channel=SpareChannel(
            profile.SPARE_CHANNEL, tuple(campaign.campaign_id for campaign in company.marketing.spare_campaigns)
        ),
        troubled_customers=TroubledCustomers(
            tuple(account.account_id for account in company.support.troubled), profile.TROUBLED_CHURN
        ),
        favoured_source=FavouredSource(profile.FAVOURED_SOURCE, profile.FAVOURED_LOSS),
        lists=Lists(profile.LIST_DELAY_DAYS, tuple(company.planning.doubled)),
    )


def _backdated_wins(company: SimulatedCompany) -> BackdatedWins:
    quarter = backdated_quarter(day_number(company.start_date))
    return BackdatedWins(
        date_of(quarter.first_day), date_of(month_end(quarter.first_day)), date_of(quarter.first_day - 1)
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
