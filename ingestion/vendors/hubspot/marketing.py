"""What marketing does in HubSpot, and what people do in answer: campaigns, forms, clicks in e-mails, submissions.

Clicks and submissions know people by their addresses. What was typed into a form, and on what somebody clicked, is
left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ingestion.vendors.client import said
from ingestion.vendors.hubspot.client import HubspotApi
from ingestion.vendors.hubspot.objects import TABLES
from ingestion.vendors.hubspot.reader import Row, iso, milliseconds
from ingestion.vendors.rows import text

CLICKS_SINCE = timedelta(days=760)  # 25 months: what the first run asks for
CLICKS_AT_ONCE = timedelta(days=60)  # offsets do not live long
CLICK = "CLICK"  # mail scanners open mails: that one was opened says nothing
ASSETS = ("FORM", "MARKETING_EMAIL")
FORM_TYPES = ("hubspot", "flow", "captured")


@dataclass(frozen=True)
class Marketing:
    """Marketing in one account. `contents` are the e-mails that were sent, by e-mail campaign, as far as known."""

    api: HubspotApi
    contents: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)

    # ------------------------------------------------------------ what marketing does

    def campaigns(self) -> Iterator[dict[str, Any]]:
        """All campaigns, with the properties that we read and those that the settings map."""
        names = [name for name in TABLES["campaign"].columns if name.startswith("hs_")]
        names += [name for name in self.api.account.ours(("campaign",)) if name not in TABLES["campaign"].columns]
        asked = {"properties": ",".join(names)}
        for page in self.api.reader.pages("campaign", self.api.path("marketing/campaigns"), asked):
            for row in page:
                yield {**row, **{name: value or None for name, value in row["properties"].items()}}

    def assets(self) -> Iterator[dict[str, Any]]:
        """The forms and e-mails of each campaign."""
        for campaign in self.campaigns():
            for kind in ASSETS:
                url = self.api.path("marketing/campaigns", campaign["id"], "assets", kind)
                for page in self.api.reader.pages("campaign_asset", url, {}):
                    for asset in page:
                        yield {"campaign_id": campaign["id"], "asset_type": kind, "asset_id": asset["id"]}

    def forms(self, entity: str) -> Iterator[Row]:
        """Forms, pop-up forms and those of other websites: without being asked, HubSpot tells the first kind only."""
        for kind in FORM_TYPES:
            for page in self.api.reader.pages(entity, self.api.path("marketing/forms"), {"formTypes": kind}):
                yield from page

    # ------------------------------------------------------------ what people did

    def clicks(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Who clicked in which marketing e-mail and when; not where, on what and with what."""
        until = self.api.account.now()
        since = max(since, until - CLICKS_SINCE)
        while until > since:
            start = max(since, until - CLICKS_AT_ONCE)
            for page in self.api.reader.events("email_event", CLICK, _milliseconds(start), _milliseconds(until)):
                for event in page:
                    yield {
                        **event,
                        "created": iso(event["created"]),
                        "contentId": self._content(event.get("emailCampaignId")),
                        "email": event.get("recipient"),
                    }
            until = start

    def _content(self, campaign: Any) -> str | None:
        """The e-mail that was sent by an e-mail campaign; none where HubSpot no longer knows."""
        key = text(campaign)
        if key and key not in self.contents:
            found = said(self.api.get("email/campaigns", key))
            self.contents[key] = text(found.get("contentId"))
        return self.contents[key] if key else None

    def submissions(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Who submitted which form and when; not what was typed."""
        for form in self.forms("form_submission"):
            for page in self.api.reader.submissions("form_submission", form["id"], _milliseconds(since)):
                for row in page:
                    typed = [each for each in row.get("values", ()) if each["name"] == "email"]
                    yield {
                        "conversionId": row.get("conversionId") or f"{form['id']}-{row['submittedAt']}",
                        "form_id": form["id"],
                        "submittedAt": iso(row["submittedAt"]),
                        "email": typed[0]["value"] if typed else None,
                    }


def _milliseconds(instant: datetime) -> int:
    return milliseconds(instant.isoformat())
