"""The demo source: the same company every time, everything in it that a real CRM shows, and the planted patterns.

All questions are asked of the rendered rows, as capture will see them, never of the simulation's inside.
"""

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from ingestion.demo_company import source as demo
from ingestion.demo_company.calendar import FiscalQuarter, date_of, day_number, fiscal_quarter
from ingestion.demo_company.home import TIME_ZONE
from ingestion.demo_company.source import DemoSource
from ingestion.demo_company.truth import Truth
from ingestion.demo_company.world import RECORDED
from ingestion.entities import ENTITIES
from ingestion.source import Extraction, SourceError, landed_name
from snapshots.contact import Contact

pytestmark = pytest.mark.xdist_group("demo")

START = date(2025, 1, 6)
LAST = START + timedelta(days=539)
CLOSED = ("Closed Won", "Closed Lost")


def build(seed: int = 7, scale: float = 0.3, start_date: date = START) -> DemoSource:
    return demo.build_source("demo", seed=seed, start_date=start_date, time_zone=TIME_ZONE, scale=scale)


def extractions(source: DemoSource, entity: str, first: date, last: date) -> Iterator[Extraction]:
    for chunk in source.chunks(source.days(first, last).complete):
        yield from source.extract(chunk, last)[entity]()


def table_of(extraction: Extraction) -> pa.Table:
    return pa.concat_tables(extraction.tables)


def all_days(source: DemoSource, last: date) -> dict[tuple[str, date], pa.Table]:
    return {
        (entity, extraction.snapshot_date): table_of(extraction)
        for entity in source.entities
        for extraction in extractions(source, entity, source.company.start_date, last)
    }


@dataclass
class Observed:
    """What the sources of one company showed on all days."""

    source: DemoSource
    _states: dict[tuple[str, date], pd.DataFrame] = field(default_factory=dict)
    _events: dict[str, pd.DataFrame] = field(default_factory=dict)

    def state(self, entity: str, day: date = LAST) -> pd.DataFrame:
        """The table on one day; not to be changed."""
        if (entity, day) not in self._states:
            (extraction,) = extractions(self.source, entity, day, day)
            self._states[entity, day] = table_of(extraction).to_pandas()
        return self._states[entity, day]

    def daily(self, entity: str, columns: list[str]) -> pd.DataFrame:
        """These columns on every captured day, as `snapshot_date` says."""
        days = [
            table_of(extraction)
            .select(columns)
            .append_column("snapshot_date", pa.repeat(pa.scalar(extraction.snapshot_date), _rows(extraction)))
            for extraction in extractions(self.source, entity, START, LAST)
        ]
        frame: pd.DataFrame = pa.concat_tables(days).to_pandas()
        return frame

    def events(self, entity: str) -> pd.DataFrame:
        """All of them; not to be changed."""
        if entity not in self._events:
            tables = [table_of(extraction) for extraction in extractions(self.source, entity, START, LAST)]
            self._events[entity] = pa.concat_tables(tables).to_pandas()
        return self._events[entity]

    @cached_property
    def truth(self) -> Truth:
        return demo.truth(self.source.company)

    @cached_property
    def deals(self) -> pd.DataFrame:
        """Every opportunity on every captured day on which it existed, beside itself on the day before it."""
        columns = [
            "opportunity_id", "account_id", "pipeline", "opportunity_type", "stage", "amount", "currency_code",
            "close_date", "owner_id", "is_deleted", "merged_into_opportunity_id",
        ]  # fmt: skip
        deals = self.daily("opportunity", columns)
        deals["amount"] = deals["amount"].astype(float)
        deals = deals[~deals["is_deleted"]].sort_values(["opportunity_id", "snapshot_date"], ignore_index=True)
        before = deals.groupby("opportunity_id").shift()
        return deals.join(before.add_prefix("previous_"))

    @cached_property
    def open_deals(self) -> pd.DataFrame:
        """The same, of opportunities open on the day and on the captured day before."""
        deals = self.deals
        was_open = deals["previous_stage"].notna() & ~deals["previous_stage"].isin(CLOSED)
        return deals[~deals["stage"].isin(CLOSED) & was_open]


def _rows(extraction: Extraction) -> int:
    return sum(table.num_rows for table in extraction.tables)


@pytest.fixture(scope="module")
def company() -> Observed:
    return Observed(build())


# ---- the same company, in whatever steps


def test_same_seed_gives_the_same_company() -> None:
    last = START + timedelta(days=50)
    assert all_days(build(scale=0.1), last) == all_days(build(scale=0.1), last)


def test_another_seed_gives_another_company() -> None:
    first, second = (Observed(build(seed=seed, scale=0.1)).state("account", START) for seed in (1, 2))
    assert not first["account_name"].head(20).equals(second["account_name"].head(20))


def test_a_day_is_the_same_whether_lived_in_one_go_or_later() -> None:
    a_hundred, two_hundred = START + timedelta(days=99), START + timedelta(days=199)
    in_one_go = all_days(build(scale=0.1), two_hundred)
    stepwise = build(scale=0.1)
    first_part = all_days(stepwise, a_hundred)
    assert first_part == {key: table for key, table in in_one_go.items() if key[1] <= a_hundred}
    assert all_days(stepwise, two_hundred) == in_one_go


def test_a_day_asked_alone_is_the_same_as_in_a_range() -> None:
    day = START + timedelta(days=75)
    in_range = all_days(build(scale=0.1), day)
    alone = build(scale=0.1).extract([day], day)
    for entity, extract in alone.items():
        (extraction,) = extract()
        assert table_of(extraction) == in_range[entity, day], entity


def test_a_company_that_is_asked_for_nothing_need_not_live() -> None:
    source = build(scale=0.1)
    unborn = source.company.world.day
    extractions = source.extract([START + timedelta(days=2)], START + timedelta(days=2))
    assert source.company.world.day == unborn  # doctor stops here
    next(extractions["opportunity"]())
    assert source.company.world.day > unborn


def test_a_company_that_starts_on_a_quarters_last_day_lives_too() -> None:
    start = date(2026, 1, 31)
    source = build(scale=0.05, start_date=start)
    tables = all_days(source, start + timedelta(days=3))
    assert all(tables[entity, start].num_rows for entity in source.entities if not ENTITIES[entity].occasional)


# ---- the contract of a source


def test_extractions_speak_landed_names_and_canonical_types(company: Observed) -> None:
    arrow_types = {
        "VARCHAR": pa.string(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us", tz="UTC"),
        "DECIMAL(18,2)": pa.decimal128(18, 2), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_(),
        "DECIMAL(9,6)": pa.decimal128(9, 6), "DECIMAL(18,4)": pa.decimal128(18, 4),
    }  # fmt: skip
    for entity in company.source.entities:
        (extraction,) = extractions(company.source, entity, LAST, LAST)
        governed = {landed_name(column): name for column, name in RECORDED[entity].columns.items()}
        schema = table_of(extraction).schema
        assert dict(zip(schema.names, schema.types, strict=True)) == {
            column: arrow_types[name] for column, name in governed.items()
        }
        assert extraction.governed == governed
        assert extraction.key == ENTITIES[entity].key
        assert extraction.mode == ENTITIES[entity].mode
        assert extraction.is_dated


def test_all_entities_are_landed_but_vendor_history(company: Observed) -> None:
    assert set(company.source.entities) == set(ENTITIES) - {"opportunity_change"}


def test_keys_are_unique_and_required_columns_filled(company: Observed) -> None:
    for entity in company.source.entities:
        known = ENTITIES[entity]
        rows = company.events(entity) if known.mode == "events" else company.state(entity)
        assert not rows.duplicated(list(known.key)).any(), entity
        assert rows[list(known.required)].notna().all(axis=None), entity


def test_two_days_are_missing(company: Observed) -> None:
    days = company.source.days(START, LAST)
    assert tuple(days.incomplete) == company.truth.missing_days
    assert len(days.incomplete) == 2
    assert len(days.complete) == 538


def test_a_missing_day_cannot_be_extracted(company: Observed) -> None:
    with pytest.raises(SourceError, match="systems were down"):
        company.source.extract([company.truth.missing_days[0]], LAST)


def test_days_before_the_start_and_after_today_cannot_be_extracted(company: Observed) -> None:
    with pytest.raises(SourceError, match=f"it begins on {START}"):
        company.source.extract([START - timedelta(days=1)], LAST)
    with pytest.raises(SourceError, match=f"today is {START}"):
        company.source.extract([START + timedelta(days=1)], START)


def test_chunks_have_a_bounded_number_of_days(company: Observed) -> None:
    days = company.source.days(START, LAST).complete
    chunks = list(company.source.chunks(days))
    assert [day for chunk in chunks for day in chunk] == list(days)
    assert [len(chunk) for chunk in chunks] == [135, 135, 135, 133]


def test_events_of_a_missing_day_arrive_on_the_next(company: Observed) -> None:
    missing = pd.Timestamp(company.truth.missing_days[0], tz=TIME_ZONE)
    (extraction,) = extractions(
        company.source, "activity", (missing + timedelta(days=1)).date(), (missing + timedelta(days=1)).date()
    )
    occurred = table_of(extraction).to_pandas()["occurred_at"].dt.tz_convert(TIME_ZONE).dt.date
    assert missing.date() in set(occurred)


def test_a_days_events_are_that_days_alone(company: Observed) -> None:
    day = date(2025, 7, 16)
    (extraction,) = extractions(company.source, "activity", day, day)
    occurred = table_of(extraction).to_pandas()["occurred_at"].dt.tz_convert(TIME_ZONE).dt.date
    assert set(occurred) == {day}


def test_no_row_knows_the_future(company: Observed) -> None:
    day = START + timedelta(days=200)
    end_of_day = pd.Timestamp(day + timedelta(days=1), tz=TIME_ZONE)
    announced = {"ended_at", "trial_end_at"}  # notices are given before they take effect
    for entity in company.source.entities:
        rows = company.state(entity, day)
        for column, type_name in RECORDED[entity].columns.items():  # no instant has a reserved name
            if type_name == "TIMESTAMP" and column not in announced:
                assert not (rows[column] >= end_of_day).any(), f"{entity}.{column}"


# ---- the company is alive on its first day


def test_the_company_is_older_than_its_first_day(company: Observed) -> None:
    begin = pd.Timestamp(START, tz=TIME_ZONE)
    deals = company.state("opportunity", START)
    open_before = deals[~deals["stage"].isin(CLOSED) & (deals["created_at"] < begin)]
    assert len(open_before) > 40
    started = company.state("subscription", START)["started_at"]
    assert (started < begin - pd.Timedelta(days=365)).sum() > 20
    assert (company.events("activity")["occurred_at"] < begin).any()


# ---- rows fit together


@pytest.mark.parametrize("offset", [0, 90, 262, 363, 539])
def test_every_reference_has_its_row(company: Observed, offset: int) -> None:
    day = START + timedelta(days=offset)
    state = {entity: company.state(entity, day) for entity in company.source.entities}
    seen = {
        name: set(state[entity][f"{entity}_id"])
        for name, entity in (
            ("account_id", "account"),
            ("parent_account_id", "account"),
            ("owner_id", "user"),
            ("manager_id", "user"),
            ("person_id", "person"),
            ("campaign_id", "campaign"),
            ("opportunity_id", "opportunity"),
            ("converted_opportunity_id", "opportunity"),
            ("merged_into_opportunity_id", "opportunity"),
            ("subscription_id", "subscription"),
        )
    }
    seen["customer_id"] = set(state["customer"]["customer_id"])
    assert seen["customer_id"] == set(state["account"]["billing_customer_id"].dropna())
    for entity, rows in state.items():
        if ENTITIES[entity].mode == "events" and offset == 0:
            continue  # what is older than the first day may point to what is gone
        for column in set(map(str, rows)) & set(seen):
            missing = set(rows[column].dropna()) - seen[column]
            assert not missing, f"{entity}.{column}: {sorted(missing)[:3]}"


def test_parents_never_run_in_a_circle(company: Observed) -> None:
    accounts = company.state("account").set_index("account_id")["parent_account_id"].dropna().to_dict()
    depths = []
    for account in accounts:
        depth = 0
        while account in accounts:
            account, depth = accounts[account], depth + 1
        depths.append(depth)
    assert 2 <= max(depths) < 20


def test_last_activity_is_the_latest_activity(company: Observed) -> None:
    latest = company.events("activity").groupby("opportunity_id")["occurred_at"].max()
    deals = company.state("opportunity").set_index("opportunity_id")["last_activity_at"].dropna()
    together = deals.to_frame().join(latest)
    assert len(together) > 1000
    assert (together["last_activity_at"] == together["occurred_at"]).all()


def test_segments_follow_the_governed_rules(company: Observed) -> None:
    accounts = company.state("account")
    expected = pd.cut(
        accounts["employee_count"], [0, 199, 999, 10**9], labels=["SMB", "Mid-Market", "Enterprise"]
    ).astype(object)
    expected[accounts["industry"] == "Public Sector"] = "Public Sector"
    assert expected.fillna("?").eq(accounts["segment"].fillna("?")).all()


def test_probability_and_category_follow_the_stage(company: Observed) -> None:
    deals = company.state("opportunity")
    assert (deals.loc[deals["stage"] == "Closed Won", "probability"] == 1).all()
    assert (deals.loc[deals["stage"] == "Closed Lost", "probability"] == 0).all()
    lost = deals["stage"] == "Closed Lost"
    assert deals.loc[lost, "loss_reason"].notna().all()
    assert deals.loc[~lost, "loss_reason"].isna().all()
    categories = deals.groupby("stage")["forecast_category"].agg(set)
    assert categories["Qualification"] == {"Pipeline"}
    assert categories["Negotiation"] == {"Commit", "Best Case"}


def test_won_amounts_become_subscriptions(company: Observed) -> None:
    """Amount of a yearly subscription = amount of the deal that began it, to the cent."""
    deals = company.state("opportunity")
    won = deals[(deals["stage"] == "Closed Won") & (deals["opportunity_type"] == "new_business")]
    began = company.daily("subscription", ["subscription_id", "account_id", "amount", "interval", "started_at"])
    began = began.sort_values("snapshot_date").drop_duplicates("subscription_id")
    began["close_date"] = began["started_at"].dt.tz_convert(TIME_ZONE).dt.date
    pairs = won.merge(began[began["interval"] == "year"], on=["account_id", "close_date"])
    pairs = pairs[pairs["close_date"] >= START]
    assert len(pairs) > 40
    assert (pairs["amount_x"] == pairs["amount_y"]).mean() > 0.95


# ---- everything that happens in a real CRM


def moves(company: Observed) -> pd.DataFrame:
    """Stage changes between consecutive captured days within a pipeline, with the order of both stages."""
    order = {
        "Qualification": 1, "Discovery": 2, "Evaluation": 3, "Technical Validation": 3, "Proposal": 4,
        "Negotiation": 5, "Closed Won": 9, "Closed Lost": 9,
    }  # fmt: skip
    deals = company.deals
    deals = deals[(deals["pipeline"] == "New Business") & (deals["previous_pipeline"] == "New Business")]
    deals = deals[deals["stage"] != deals["previous_stage"]]
    return deals.assign(order=deals["stage"].map(order), previous_order=deals["previous_stage"].map(order))


def test_stages_are_skipped(company: Observed) -> None:
    changes = moves(company)
    assert ((changes["order"] - changes["previous_order"] == 2) & (changes["order"] < 9)).sum() > 10


def test_deals_go_backward_and_enter_stages_again(company: Observed) -> None:
    changes = moves(company)
    assert ((changes["order"] < changes["previous_order"]) & (changes["previous_order"] < 9)).sum() > 10
    assert changes[changes["order"] < 9].duplicated(["opportunity_id", "order"]).sum() > 10


def test_both_pipelines_live_and_deals_move_between_them(company: Observed) -> None:
    deals = company.deals
    assert set(deals["pipeline"]) == {"New Business", "Customer"}
    moved = deals[(deals["previous_pipeline"] == "New Business") & (deals["pipeline"] == "Customer")]
    assert len(moved) > 2


def test_close_dates_are_pushed_and_pulled(company: Observed) -> None:
    deals = company.open_deals.dropna(subset=["close_date", "previous_close_date"])
    assert (deals["close_date"] > deals["previous_close_date"]).sum() > 500
    assert (deals["close_date"] < deals["previous_close_date"]).sum() > 20
    assert company.open_deals["close_date"].isna().any()


def test_some_close_dates_have_passed(company: Observed) -> None:
    deals = company.open_deals.dropna(subset=["close_date"])
    share = (deals["close_date"] < deals["snapshot_date"]).mean()
    assert 0.01 < share < 0.25


def test_amounts_change_and_are_sometimes_unknown(company: Observed) -> None:
    deals = company.open_deals
    assert (deals["amount"] > deals["previous_amount"]).sum() > 50
    assert (deals["amount"] < deals["previous_amount"]).sum() > 50
    assert (deals["previous_amount"].isna() & deals["amount"].notna()).sum() > 20


def test_euros_beside_dollars_and_corrected_currencies(company: Observed) -> None:
    deals = company.open_deals
    assert 0.1 < (deals["currency_code"] == "EUR").mean() < 0.4
    assert (deals["currency_code"] != deals["previous_currency_code"]).sum() >= 2


def test_lost_and_won_deals_are_reopened(company: Observed) -> None:
    deals = company.deals
    reopened = deals[~deals["stage"].isin(CLOSED)]
    assert (reopened["previous_stage"] == "Closed Lost").sum() >= 5
    assert (reopened["previous_stage"] == "Closed Won").sum() >= 2


def test_deals_are_deleted_and_restored(company: Observed) -> None:
    position = {day: number for number, day in enumerate(company.source.days(START, LAST).complete)}
    deals = company.deals
    gap = deals["snapshot_date"].map(position) - deals["previous_snapshot_date"].map(position, na_action="ignore")
    assert (gap > 1).sum() >= 8  # gone, and back
    last_seen = deals.groupby("opportunity_id")["snapshot_date"].max()
    assert (last_seen < LAST).sum() > 20  # gone for good


def test_some_deletions_are_flagged_and_some_rows_just_vanish(company: Observed) -> None:
    rows = company.daily("opportunity", ["opportunity_id", "is_deleted"])
    assert rows["is_deleted"].any()
    last = rows.sort_values("snapshot_date").drop_duplicates("opportunity_id", keep="last")
    vanished = last[last["snapshot_date"] < LAST]
    assert (~vanished["is_deleted"]).any()  # removed at once
    assert vanished["is_deleted"].any()  # from the recycle bin


def test_copies_are_merged_into_the_first_entry(company: Observed) -> None:
    deals = company.state("opportunity")
    merged = deals.dropna(subset=["merged_into_opportunity_id"])
    assert len(merged) > 8
    assert merged["is_deleted"].all()
    assert (merged["merged_into_opportunity_id"] < merged["opportunity_id"]).all()


def test_stages_are_renamed_in_the_middle(company: Observed) -> None:
    deals = company.deals
    for rename in company.truth.renamed_stages:
        in_pipeline = deals[deals["pipeline"] == rename.pipeline]
        old = in_pipeline[in_pipeline["stage"] == rename.old_label]["snapshot_date"]
        new = in_pipeline[in_pipeline["stage"] == rename.new_label]["snapshot_date"]
        assert old.max() == rename.first_date - timedelta(days=1)
        assert new.min() == rename.first_date


def test_deals_are_created_and_won_on_one_day(company: Observed) -> None:
    deals = company.deals
    first = deals[deals["previous_stage"].isna() & (deals["snapshot_date"] > START)]
    assert (first["stage"] == "Closed Won").any()


def test_some_accounts_change_segment_and_some_have_none(company: Observed) -> None:
    accounts = company.daily("account", ["account_id", "segment"])
    assert (accounts.groupby("account_id")["segment"].nunique() > 1).sum() > 10
    assert set(accounts["segment"].dropna()) == {"Enterprise", "Mid-Market", "SMB", "Public Sector"}
    assert accounts["segment"].isna().any()


def test_accounts_have_parents_and_are_acquired(company: Observed) -> None:
    accounts = company.daily("account", ["account_id", "parent_account_id"])
    assert accounts["parent_account_id"].notna().any()
    parents = accounts.fillna("none").groupby("account_id")["parent_account_id"].nunique()
    assert (parents > 1).sum() > 3


def test_users_join_leave_and_change_teams(company: Observed) -> None:
    users = company.daily("user", ["user_id", "team", "is_active", "ended_at"])
    first_seen = users.groupby("user_id")["snapshot_date"].min()
    assert (first_seen > START).any()
    assert (users.groupby("user_id")["is_active"].nunique() > 1).any()
    assert (users.groupby("user_id")["team"].nunique() > 1).any()
    assert (users["ended_at"].isna() == users["is_active"]).all()


def test_open_deals_of_leavers_find_new_owners(company: Observed) -> None:
    users = company.state("user").set_index("user_id")["is_active"]
    deals = company.state("opportunity")
    open_deals = deals[~deals["stage"].isin(CLOSED) & ~deals["is_deleted"]]
    assert open_deals["owner_id"].map(users).all()
    assert (company.open_deals["owner_id"] != company.open_deals["previous_owner_id"]).any()


def test_next_steps_are_sometimes_missing(company: Observed) -> None:
    deals = company.state("opportunity")
    open_deals = deals[~deals["stage"].isin(CLOSED)]
    assert 0.05 < open_deals["next_step"].isna().mean() < 0.4


def test_people_pass_mql_sal_and_sql_in_order(company: Observed) -> None:
    people = company.state("person")
    for earlier, later in (("created_at", "mql_at"), ("mql_at", "sal_at"), ("sal_at", "sql_at")):
        both = people.dropna(subset=[earlier, later])
        assert len(both) > 50
        assert (both[earlier] <= both[later]).all()
    assert people["converted_opportunity_id"].notna().sum() > 50


def test_response_times_are_breached(company: Observed) -> None:
    leads = company.state("person").dropna(subset=["mql_at"])
    hours = (leads["first_response_at"] - leads["mql_at"]).dt.total_seconds() / 3600
    assert 0.05 < (hours > 24).mean() < 0.5
    waited = pd.Timestamp(LAST, tz=TIME_ZONE) - leads["mql_at"] > pd.Timedelta(days=10)
    assert (leads["first_response_at"].isna() & waited).any()  # never answered
    accepted = leads.dropna(subset=["sal_at"])
    assert ((accepted["sal_at"] - accepted["mql_at"]) > pd.Timedelta(hours=48)).any()


def test_campaign_leads_become_opportunities_of_that_campaign(company: Observed) -> None:
    deals = company.state("opportunity")
    assert deals["campaign_id"].notna().sum() > 50
    channels = company.state("campaign").set_index("campaign_id")["channel"]
    from_campaign = deals.dropna(subset=["campaign_id"])
    assert (from_campaign["campaign_id"].map(channels) == from_campaign["lead_source"]).all()


def test_campaign_costs_are_settled_afterwards(company: Observed) -> None:
    campaigns = company.daily("campaign", ["campaign_id", "cost", "currency_code"])
    assert (campaigns.groupby("campaign_id")["cost"].nunique() > 1).any()
    assert set(campaigns["currency_code"]) == {"USD", "EUR"}


def test_touches_come_before_and_after_conversion(company: Observed) -> None:
    touches = company.events("touch")
    people = company.state("person").set_index("person_id")["created_at"]
    assert (touches["touched_at"] >= touches["person_id"].map(people)).all()
    assert touches.groupby("person_id").size().max() > 4


def test_opportunities_have_contacts_in_roles(company: Observed) -> None:
    roles = company.state("opportunity_contact_role")
    per_deal = roles.groupby("opportunity_id").size()
    assert per_deal.max() >= 3
    assert (roles.groupby("opportunity_id")["is_primary"].sum() == 1).all()
    assert 0.3 < len(per_deal) / len(company.state("opportunity")) < 0.9


def test_subscriptions_of_every_kind(company: Observed) -> None:
    subscriptions = company.daily(
        "subscription",
        ["subscription_id", "account_id", "status", "interval", "interval_count", "quantity", "amount", "ended_at",
         "started_at", "trial_end_at", "paused_from", "paused_to"],
    )  # fmt: skip
    kinds = set(zip(subscriptions["interval"], subscriptions["interval_count"], strict=True))
    assert kinds == {("year", 1), ("month", 1), ("month", 3)}
    assert set(subscriptions["status"]) == {"active", "trialing", "paused", "past_due", "canceled"}
    assert subscriptions["quantity"].max() > 50
    assert (subscriptions["quantity"] == 1).any()
    amounts = subscriptions.groupby("subscription_id")["amount"]
    assert (amounts.last() > amounts.first()).sum() > 20  # upgraded
    assert (amounts.last() < amounts.first()).sum() > 2  # downgraded
    assert (subscriptions["paused_from"].notna() & subscriptions["paused_to"].isna()).any()
    assert subscriptions["paused_to"].notna().any()


def test_a_year_paid_at_once_costs_less_than_the_list_price(company: Observed) -> None:
    subscriptions = company.state("subscription")
    is_yearly = subscriptions["interval"] == "year"
    assert (subscriptions["list_amount"] > subscriptions["amount"])[is_yearly].mean() > 0.99  # but for a few cents
    assert (subscriptions["list_amount"] == subscriptions["amount"])[~is_yearly].all()


def test_trials_convert_or_end(company: Observed) -> None:
    trials = company.state("subscription").dropna(subset=["trial_end_at"])
    assert (trials["status"] == "active").any()
    assert (trials["ended_at"] == trials["trial_end_at"]).any()


def test_cancellations_are_announced_and_sometimes_entered_late(company: Observed) -> None:
    rows = company.daily("subscription", ["subscription_id", "ended_at"]).dropna()
    first = rows.sort_values("snapshot_date").drop_duplicates("subscription_id")
    first = first[first["snapshot_date"] > START]
    ended = first["ended_at"].dt.tz_convert(TIME_ZONE).dt.date
    assert (ended > first["snapshot_date"]).sum() > 2
    late = pd.to_datetime(first["snapshot_date"]) - pd.to_datetime(ended)
    assert (late > pd.Timedelta(days=3)).any()
    subscriptions = company.state("subscription")
    assert (subscriptions["cancelled_at"].notna() == subscriptions["ended_at"].notna()).all()
    assert (subscriptions["cancelled_at"] < subscriptions["ended_at"]).sum() > 5  # notice given
    assert (subscriptions["cancelled_at"] > subscriptions["ended_at"]).any()  # entered late


def test_former_customers_come_back(company: Observed) -> None:
    subscriptions = company.state("subscription").sort_values("started_at")
    ended_before = subscriptions.groupby("account_id")["ended_at"].shift()
    assert (subscriptions["started_at"] > ended_before + pd.Timedelta(days=40)).sum() >= 3


def test_some_customers_have_several_subscriptions(company: Observed) -> None:
    active = company.state("subscription").query("status == 'active'")
    assert (active.groupby("customer_id").size() > 1).sum() > 5


def test_billing_knows_its_customers_since_they_pay(company: Observed) -> None:
    customers = company.state("customer").set_index("customer_id")
    first = company.state("subscription").groupby("customer_id")["started_at"].min()
    assert (customers["created_at"] <= first.reindex(customers.index) + pd.Timedelta(days=1)).all()
    assert customers["domain"].dropna().is_unique


def test_invoices_follow_subscriptions(company: Observed) -> None:
    invoices = company.state("invoice")
    assert set(invoices["status"]) == {"paid", "open", "void", "uncollectible"}
    assert (invoices["paid_at"].notna() == (invoices["status"] == "paid")).all()
    late = (invoices["paid_at"] - invoices["issued_at"]) > pd.Timedelta(days=31)
    assert 0.01 < late.mean() < 0.2


def test_health_is_measured_and_warns(company: Observed) -> None:
    health = company.state("customer_health")
    score = health["score"].astype(float)
    assert score.between(0, 100).all()
    is_restless = health["account_id"].isin(company.truth.churning_cohort.account_ids)
    assert score[is_restless].mean() < score[~is_restless].mean() - 20


# ---- realism


def test_weekends_are_quiet(company: Observed) -> None:
    activities = company.events("activity")["occurred_at"].dt.tz_convert(TIME_ZONE)
    assert (activities.dt.day_of_week >= 5).mean() < 0.05
    assert ((activities.dt.hour < 7) | (activities.dt.hour > 19)).mean() < 0.05
    assert (activities.dt.hour == 23).any()  # whose business date is not the date in UTC


def test_quarters_end_in_a_rush(company: Observed) -> None:
    deals = company.state("opportunity")
    won = deals[(deals["stage"] == "Closed Won") & (deals["opportunity_type"] == "new_business")]
    days_left = won["close_date"].map(lambda day: fiscal_quarter(day_number(day)).last_day - day_number(day))
    assert (days_left < 7).mean() > 1.8 * 7 / 91


def test_new_business_win_rate_is_about_a_fifth(company: Observed) -> None:
    deals = company.state("opportunity").query("opportunity_type == 'new_business'")
    won, lost = ((deals["stage"] == stage).sum() for stage in CLOSED)
    assert 0.15 < won / (won + lost) < 0.26


def test_early_pipeline_covers_bookings_two_to_four_times(company: Observed) -> None:
    quarter = fiscal_quarter(day_number(date(2025, 8, 8)))
    early = company.state("opportunity", date(2025, 8, 8))
    in_quarter = early["close_date"].map(lambda day: day is not None and fiscal_quarter(day_number(day)) == quarter)
    open_amount = early[in_quarter & ~early["stage"].isin(CLOSED)]["amount"].dropna().sum()
    final = company.state("opportunity")
    won = final[(final["stage"] == "Closed Won")]
    booked = won[won["close_date"].map(lambda day: fiscal_quarter(day_number(day)) == quarter)]["amount"].sum()
    assert 1.6 < float(open_amount / booked) < 4.5


def test_recurring_revenue_grows(company: Observed) -> None:
    def active(day: date) -> int:
        subscriptions = company.state("subscription", day)
        return int(subscriptions["status"].isin(["active", "past_due"]).sum())

    assert active(LAST) > 1.3 * active(START)


# ---- planted patterns


def stays_in(company: Observed, stage: str) -> pd.DataFrame:
    """Captured days in a stage and segment of each new-business deal that entered it after the first day."""
    segments = company.state("account").set_index("account_id")["segment"]
    deals = company.deals[company.deals["pipeline"] == "New Business"]
    inside = deals[deals["stage"] == stage]
    days = inside.groupby("opportunity_id").agg(
        days=("snapshot_date", "size"), first=("snapshot_date", "min"), account_id=("account_id", "first")
    )
    days = days[days["first"].between(START + timedelta(days=1), LAST - timedelta(days=150))]
    return days.assign(segment=days["account_id"].map(segments))


def test_a_segment_stalls_in_negotiation(company: Observed) -> None:
    planted = company.truth.stalling_segment
    stays = stays_in(company, planted.stage)
    is_planted = stays["segment"] == planted.segment
    assert is_planted.sum() > 15
    assert stays[is_planted]["days"].median() > 2 * stays[~is_planted]["days"].median()
    elsewhere = stays_in(company, "Discovery")
    is_planted = elsewhere["segment"] == planted.segment
    assert elsewhere[is_planted]["days"].median() < 2 * elsewhere[~is_planted]["days"].median()


def test_a_rep_pushes_close_dates(company: Observed) -> None:
    planted = company.truth.pushing_rep
    sellers = company.state("user").query("role == 'Account Executive'")["user_id"]
    deals = company.open_deals.dropna(subset=["close_date", "previous_close_date"])
    deals = deals[deals["owner_id"].isin(sellers)]
    is_push = deals["close_date"] > deals["previous_close_date"]
    days_open = deals.groupby("owner_id").size()
    pushes_a_month = (is_push.groupby(deals["owner_id"]).sum() / days_open * 30)[days_open > 1000]
    others = pushes_a_month.drop(planted.user_id)
    assert len(others) > 4
    assert pushes_a_month[planted.user_id] > 1.5 * others.max()
    assert pushes_a_month[planted.user_id] > 2 * others.median()


def test_a_campaign_has_many_leads_and_no_pipeline(company: Observed) -> None:
    planted = company.truth.fruitless_campaign
    assert planted is not None
    first_touches = company.events("touch").drop_duplicates("person_id")
    leads = first_touches.groupby("campaign_id").size()
    assert leads.idxmax() == planted.campaign_id
    assert leads.max() == len(planted.lead_ids) > 100
    deals, people = company.state("opportunity"), company.state("person").set_index("person_id")
    assert planted.campaign_id not in set(deals["campaign_id"])
    theirs = people.loc[list(planted.lead_ids)]
    assert theirs["mql_at"].notna().mean() > 0.2
    assert theirs["sal_at"].isna().all()
    assert theirs["converted_opportunity_id"].isna().all()
    assert not set(planted.lead_ids) & set(company.state("opportunity_contact_role")["person_id"])


def test_one_cohort_of_customers_churns(company: Observed) -> None:
    planted = company.truth.churning_cohort
    subscriptions = company.state("subscription")
    paid = subscriptions[~(subscriptions["ended_at"] == subscriptions["trial_end_at"])]
    customers = paid.groupby("account_id").agg(
        first=("started_at", "min"), still=("ended_at", lambda ended: ended.isna().any())
    )
    customers["first"] = customers["first"].dt.tz_convert(TIME_ZONE).dt.date
    is_cohort = customers.index.isin(planted.account_ids)
    begin, end = planted.first_date - timedelta(days=14), planted.last_date  # trials begin before they are paid
    assert customers[is_cohort]["first"].between(begin, end).all()
    assert is_cohort.sum() > 8
    others = customers[~is_cohort & (customers["first"] < planted.last_date)]
    cohort_left, others_left = (~customers[is_cohort]["still"]).mean(), (~others["still"]).mean()
    assert cohort_left > 0.45
    assert cohort_left > others_left + 0.2


def test_contacts_leave_and_get_other_titles(company: Observed) -> None:
    planted = company.truth.changed_contacts
    people = company.state("person")
    assert set(people[people["is_email_bounced"]]["person_id"]) == set(planted.leaver_ids)
    titles = company.daily("person", ["person_id", "title"]).groupby("person_id")["title"].nunique()
    assert set(titles[titles > 1].index) <= set(planted.retitled_ids)
    contacts = (people["record_type"] == "contact").sum()
    assert 0.1 < len(planted.leaver_ids) / contacts < 0.3
    assert (titles > 1).sum() > 30


def test_accounts_and_people_are_entered_twice_in_two_spellings(company: Observed) -> None:
    planted = company.truth.duplicates
    accounts = company.state("account").set_index("account_id").to_dict("index")
    people = company.state("person").set_index("person_id").to_dict("index")
    assert len(planted.account_ids) == len(planted.person_ids) > 8
    for pair in planted.account_ids:
        first, again = (accounts[each] for each in pair)
        assert again["account_name"] != first["account_name"]
        assert again["website"].replace("https://www.", "https://") == first["website"]
    for pair in planted.person_ids:
        first, again = (people[each] for each in pair)
        assert again["full_name"] != first["full_name"]
        assert again["email"].lower() == first["email"].lower()
    addresses = company.state("person")["email"].str.lower().value_counts()
    assert (addresses > 1).sum() == len({people[first]["email"] for first, _ in planted.person_ids})


def test_what_is_made_of_peoples_addresses_is_what_the_ledger_would_make(company: Observed) -> None:
    people = company.state("person")[
        ["full_name", "email", "phone", "has_email", "is_email_well_formed", "email_domain", "has_phone"]
    ]
    made = Contact("email", ("phone",), ("full_name",)).made
    with duckdb.connect() as con:
        con.register("people", people)
        different = " or ".join(f"{name} is distinct from ({value})" for name, value in made.items())
        assert con.execute(f"select full_name, email from people where {different}").fetchall() == []


def test_deals_change_their_owner_after_the_win(company: Observed) -> None:
    won = company.deals[company.deals["stage"] == "Closed Won"]
    owners = won.groupby("opportunity_id")["owner_id"].nunique()
    changed = set(owners[owners > 1].index)
    assert changed <= set(company.truth.handed_over_ids)
    assert 0.1 < len(changed) / len(owners) < 0.5


def actual_by_segment_and_quarter(company: Observed) -> pd.Series:
    """What was won, as it stands on the last day."""
    won = company.state("opportunity").query("stage == 'Closed Won' and not is_deleted")
    segments = won["account_id"].map(company.state("account").set_index("account_id")["segment"])
    quarters = won["close_date"].map(lambda day: fiscal_quarter(day_number(day)).first_day)
    return won["amount"].astype(float).groupby([segments, quarters]).sum()


def whole_quarters() -> list[FiscalQuarter]:
    """Those that lie in the captured days."""
    quarters, quarter = [], fiscal_quarter(fiscal_quarter(day_number(START)).last_day + 1)
    while quarter.last_day <= day_number(LAST):
        quarters.append(quarter)
        quarter = fiscal_quarter(quarter.last_day + 1)
    return quarters


def test_one_team_always_submits_too_high_a_forecast(company: Observed) -> None:
    planted, actual = company.truth.too_high_team, actual_by_segment_and_quarter(company)
    ratios: dict[str, list[float]] = {}
    for quarter in whole_quarters():
        calls = company.state("forecast_submission", date_of(quarter.last_day - 14))
        calls = calls[
            (calls["period_start_date"] == date_of(quarter.first_day)) & (calls["forecast_category"] == "commit")
        ]
        assert not calls.duplicated("team").any()
        for team, amount in zip(calls["team"], calls["amount"], strict=True):
            ratios.setdefault(team, []).append(float(amount) / actual[team, quarter.first_day])
    assert len(ratios[planted.team]) >= 5
    assert min(ratios[planted.team]) > 1.15
    assert all(min(each) < 1.15 for team, each in ratios.items() if team != planted.team)


def test_one_segments_commit_is_always_too_high(company: Observed) -> None:
    planted, actual = company.truth.too_high_segment, actual_by_segment_and_quarter(company)
    segments = company.state("account").set_index("account_id")["segment"]
    ratios: dict[str, list[float]] = {}
    for quarter in whole_quarters():
        deals = company.state("opportunity", date_of(quarter.last_day - 30))
        due = deals["close_date"].between(date_of(quarter.first_day), date_of(quarter.last_day))
        called = deals[due & ~deals["is_deleted"] & deals["forecast_category"].isin(["Closed", "Commit"])]
        amounts = called["amount"].dropna().astype(float).groupby(called["account_id"].map(segments)).sum()
        for segment in ("Enterprise", "Mid-Market", "SMB"):
            ratios.setdefault(segment, []).append(amounts[segment] / actual[segment, quarter.first_day])
    assert min(ratios[planted.segment]) > 1.1
    assert all(min(each) < 1.1 for segment, each in ratios.items() if segment != planted.segment)


def test_every_seller_has_a_quota_for_the_running_quarter(company: Observed) -> None:
    quotas, users = company.state("quota", START), company.state("user", START)
    quarter = fiscal_quarter(day_number(START))
    running = quotas[quotas["period_start_date"] == date_of(quarter.first_day)]
    sellers = users[(users["role"] == "Account Executive") & users["is_active"]]
    here_before = sellers["started_at"] < pd.Timestamp(date_of(quarter.first_day), tz=TIME_ZONE)
    assert set(sellers[here_before]["user_id"]) <= set(quotas["owner_id"])
    assert len(running) >= 8
    assert (quotas["quota_amount"] > 0).all()


def test_one_month_of_wins_is_dated_back(company: Observed) -> None:
    planted = company.truth.backdated_wins
    won = company.deals[(company.deals["stage"] == "Closed Won") & (company.deals["opportunity_type"] != "renewal")]
    first = won.groupby("opportunity_id").first()
    first = first[first["snapshot_date"] > START]
    behind = (pd.to_datetime(first["snapshot_date"]) - pd.to_datetime(first["close_date"])).dt.days
    in_month = first["snapshot_date"].between(planted.first_date, planted.last_date)
    assert in_month.sum() > 10
    created = company.state("opportunity").set_index("opportunity_id")["created_at"].dt.tz_convert(TIME_ZONE).dt.date
    created = created.reindex(first.index)
    expected = created.where(created > planted.close_date, planted.close_date)
    assert (first["close_date"] == expected)[in_month].mean() > 0.9  # a day may have been captured a day late
    assert behind[~in_month].max() <= 3


def test_a_late_answer_costs(company: Observed) -> None:
    planted, fruitless = company.truth.late_answers, company.truth.fruitless_campaign
    assert fruitless is not None
    people = company.state("person").dropna(subset=["mql_at", "first_response_at"])
    people = people[~people["person_id"].isin(fruitless.lead_ids)]
    is_late = people["first_response_at"] - people["mql_at"] > pd.Timedelta(hours=planted.hours)
    accepted = people["sal_at"].notna()
    assert is_late.sum() > 50
    assert accepted[is_late].mean() < 0.7 * accepted[~is_late].mean()


def test_one_channel_brings_nothing(company: Observed) -> None:
    planted = company.truth.spare_channel
    campaigns = company.state("campaign")
    theirs = campaigns[campaigns["channel"] == planted.channel]
    assert set(theirs["campaign_id"]) == set(planted.campaign_ids)
    assert (theirs["cost"] > 0).all()
    assert not set(planted.campaign_ids) & set(company.events("touch")["campaign_id"])
    assert planted.channel not in set(company.state("person")["lead_source"])


def test_tickets_come_before_churn(company: Observed) -> None:
    planted = company.truth.troubled_customers
    subscriptions = company.state("subscription")
    paid = subscriptions[~(subscriptions["ended_at"] == subscriptions["trial_end_at"])]
    has_left = paid["ended_at"].notna().groupby(paid["account_id"]).all()
    tickets = company.state("ticket").query("severity in ['high', 'urgent']").groupby("account_id").size()
    has_many = tickets.reindex(has_left.index).fillna(0) >= 5
    assert set(has_left[has_many].index) <= set(planted.account_ids)
    assert has_many.sum() > 8
    assert has_left[has_many].mean() > 1.5 * has_left[~has_many].mean()


def test_one_lead_source_wins_twice_as_often(company: Observed) -> None:
    deals = company.state("opportunity").query("opportunity_type == 'new_business'")
    closed = deals[deals["stage"].isin(CLOSED)]
    is_favoured = closed["lead_source"] == company.truth.favoured_source.lead_source
    is_won = closed["stage"] == "Closed Won"
    assert is_favoured.sum() > 50
    assert 1.5 < is_won[is_favoured].mean() / is_won[~is_favoured].mean() < 3


def test_marketings_list_is_old_and_finances_has_a_deal_twice(company: Observed) -> None:
    planted, lines = company.truth.lists, company.events("team_pipeline")
    doubled = lines[lines.duplicated(["list_id", "opportunity_id"])]
    assert set(doubled["team"]) == {"finance"}
    assert set(zip(doubled["list_id"], doubled["opportunity_id"], strict=True)) <= set(planted.finance_doubled)
    assert len(doubled) == lines.loc[lines["team"] == "finance", "list_id"].nunique() > 10
    theirs = lines[lines["team"] == "marketing"]
    for as_of in sorted(set(theirs["as_of"]))[:3]:
        amounts = theirs[theirs["as_of"] == as_of].set_index("opportunity_id")["amount"].astype(float).fillna(0)
        then, now = (
            company.state("opportunity", day).set_index("opportunity_id")["amount"].reindex(amounts.index)
            for day in (as_of - timedelta(days=planted.marketing_days_old), as_of)
        )
        assert amounts.eq(then.astype(float).fillna(0)).all()
        assert not amounts.eq(now.astype(float).fillna(0)).all()


# ---- the home


def read_csv(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "definitions" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    demo.write_home(folder, start_date=START, seed=7)
    return folder


def test_settings_describe_the_demo_source(home: Path) -> None:
    settings = tomllib.loads((home / "pipeledger.toml").read_text(encoding="utf-8"))
    assert settings["company"] == {
        "name": "The demo company",
        "time_zone": "America/New_York",
        "base_currency": "USD",
        "fiscal_year_start_month": 2,
        "definitions": "definitions",
    }
    assert settings["sources"] == {"demo": {"type": "demo", "start_date": START, "seed": 7}}


def test_every_definition_has_an_owner_and_a_sentence(home: Path) -> None:
    names = {path.stem for path in (home / "definitions").glob("*.csv")}
    assert names == {
        "stage_definitions", "segments", "targets", "stall_rules", "fx_rates", "mrr_policy", "fiscal_calendar",
        "sla_rules", "business_hours",
    }  # fmt: skip
    for name in names:
        for line in read_csv(home, name):
            assert line["owner"], line
            assert len(line["definition"]) > 15, line
    assert read_csv(home, "fiscal_calendar") == []


def test_every_stage_of_the_crm_is_defined_when_it_is_used(home: Path, company: Observed) -> None:
    defined: dict[Any, date] = {}
    for line in read_csv(home, "stage_definitions"):
        since = date.fromisoformat(line["valid_from"]) if line["valid_from"] else date.min
        key = line["pipeline"], line["stage"]
        defined[key] = min(since, defined.get(key, date.max))
    used = company.deals.groupby(["pipeline", "stage"])["snapshot_date"].min()
    assert all(defined[key] <= first for key, first in used.items())


def test_a_renamed_stage_keeps_its_canonical_stage(home: Path, company: Observed) -> None:
    lines = {(line["pipeline"], line["stage"]): line for line in read_csv(home, "stage_definitions")}
    for rename in company.truth.renamed_stages:
        old, new = lines[rename.pipeline, rename.old_label], lines[rename.pipeline, rename.new_label]
        assert new["canonical_stage"] == rename.old_label
        assert new["stage_order"] == old["stage_order"]
        assert new["valid_from"] == str(rename.first_date)


def test_targets_cover_the_period_and_four_more_quarters(home: Path) -> None:
    targets = read_csv(home, "targets")
    quarters = sorted({line["fiscal_quarter"] for line in targets})
    assert quarters[0] == fiscal_quarter(day_number(START)).name
    later = fiscal_quarter(day_number(LAST) + 4 * 91).name
    assert later in quarters
    assert {line["segment"] for line in targets} == {"Enterprise", "Mid-Market", "SMB"}
    assert any(line["valid_from"] for line in targets)  # one was lowered on the way


def test_euros_have_a_rate_on_every_day(home: Path) -> None:
    rates = read_csv(home, "fx_rates")
    assert rates[0]["valid_from"] == ""
    assert len({line["rate_to_base"] for line in rates}) > 4
