"""A HubSpot account with a small company in it, a source on it, and a home to land in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.vendors.client import Patience
from ingestion.vendors.hubspot.source import HubspotSource, build_source
from tests.vendors.hubspot import TOKEN, HubspotServer
from tests.vendors.landing import Landing

NOON = datetime(2026, 11, 22, 17, tzinfo=UTC)  # of New York
DEALS = 5


@dataclass
class Account(Landing):
    """An account, a source on it, and a home to land in."""

    name, vendor = "crm", "hubspot"

    server: HubspotServer
    environment: dict[str, str] = field(default_factory=lambda: {"SOURCES__CRM__ACCESS_TOKEN": TOKEN})

    def source(self, **options: Any) -> HubspotSource:
        built: HubspotSource = self.build(build_source, Patience(read_timeout=1.0), base_url=self.server.url, **options)
        return built

    def extract(self, *entities: str) -> dict[str, list[dict[str, Any]]]:
        """What would land of these, as if everything of the run had been loaded."""
        source, today = self.source(), self.server.now.date()
        found = {
            entity: [row for table in source.extraction(entity, today).tables for row in table.to_pylist()]
            for entity in entities
        }
        source.settle()
        return found

    def rows(self, entity: str) -> list[dict[str, Any]]:
        return self.extract(entity)[entity]

    def ids(self, entity: str) -> list[str]:
        return [row[0] for row in self.read(f"select id from crm.{entity} order by cast(id as bigint)")]


def live(server: HubspotServer) -> None:
    """A small company."""
    boss = server.add_owner("Ada", "Boss", team="East")
    server.add_owner("Old", "Hand", archived=True)
    server.add("users", hubspot_owner_id=boss, hs_job_title="AE", hs_email="ada@acme.example")
    sales = server.add_pipeline("Sales", ("Open", 0.2, False), ("Won", 1.0, True), ("Lost", 0.0, True))
    company = server.add("companies", name='Quo"ted, Ltd.\nSecond line', numberofemployees=1200)
    contact = server.add("contacts", firstname="Zoë", lastname="Ünal", email="Zoe@Example.com",
                         associatedcompanyid=company, phone="+90 1", jobtitle="CFO")  # fmt: skip
    fair = server.add_campaign(hs_name="Fair", hs_start_date="2026-11-01", hs_spend_items_sum_amount="12.50")
    form = server.add_form("Contact us")
    sent, email = server.send_email("News")
    server.assets = {(fair, "FORM"): [form], (fair, "MARKETING_EMAIL"): [email]}
    server.submit(form, "Zoe@Example.com", message="My secret")
    for kind in ("SENT", "OPEN", "CLICK"):
        server.email_event(kind, sent, "zoe@example.com")
    for number in range(DEALS):
        deal = server.add("deals", dealname=f"Deal {number}", pipeline=sales[""], dealstage=sales["Open"],
                          amount=1000.5 * (number + 1), closedate=datetime(2027, 1, 31, 12, tzinfo=UTC),
                          hubspot_owner_id=boss, hs_deal_stage_probability="0.2")  # fmt: skip
        server.link("deals", deal, "companies", company, primary=True)
        server.link("deals", deal, "contacts", contact, "Decision maker", "Primary")
        call = server.add("calls", hs_timestamp=server.now, hubspot_owner_id=boss, hs_call_body="Dear Z")
        server.link("deals", deal, "calls", call)
        server.link("calls", call, "contacts", contact)
    for objects in ("emails", "meetings", "notes", "tasks"):
        server.add(objects, hs_timestamp=server.now, hubspot_owner_id=boss)
    ticket = server.add("tickets", subject="It is broken", hs_ticket_priority="HIGH")
    server.link("tickets", ticket, "companies", company, primary=True)
    server.add("goal_targets", hs_goal_name="Quota", hs_goal_type="sales_quota", hs_target_amount="90000",
               hs_assignee_user_id=str(int(boss) + 5), hs_start_datetime=datetime(2026, 11, 1, 4, tzinfo=UTC),
               hs_end_datetime=datetime(2026, 12, 1, 4, 59, tzinfo=UTC))  # fmt: skip
    server.add("forecasts", hs_amount="120000", hs_milestone="monthly", hubspot_owner_id=boss,
               hs_forecast_start_date="1793505600000", hs_included_deal_ids=deal)  # fmt: skip
    server.pass_time(minutes=5)
    server.change("deals", deal, dealstage=sales["Won"], amount="7")
    server.pass_time(minutes=5)


def click(account: Account, **options: Any) -> str:
    return account.server.email_event("CLICK", next(iter(account.server.email_campaigns)), "zoe@example.com", **options)


def submit(account: Account, at: datetime | None = None) -> str:
    return account.server.submit(account.server.forms[0]["id"], "zoe@example.com", at)
