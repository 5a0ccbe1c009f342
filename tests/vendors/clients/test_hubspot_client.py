"""HubSpot's own client reads from the simulated account what our source reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.vendors.hubspot import TOKEN, HubspotServer

hubspot = pytest.importorskip("hubspot", reason="HubSpot's client is not installed")


def test_the_official_client_reads_the_account() -> None:
    with HubspotServer(datetime(2026, 11, 22, 17, tzinfo=UTC)) as server:
        company = server.add("companies", name="Globex")
        deals = [server.add("deals", dealname=f"Deal {number}", amount=number) for number in range(7)]
        server.link("deals", deals[0], "companies", company, primary=True)
        server.add_owner("Ada", "Adams")
        server.add_pipeline("Sales", ("Open", 0.2, False))
        client = hubspot.HubSpot(access_token=TOKEN, host=server.url, base_url=server.url)
        page = client.crm.deals.basic_api.get_page(limit=5, properties=["dealname", "amount"])
        assert [each.id for each in page.results] == deals[:5]
        rest = client.crm.deals.basic_api.get_page(limit=5, after=page.paging.next.after, properties=["amount"])
        assert [each.properties["amount"] for each in rest.results] == ["5", "6"]
        found = client.crm.deals.search_api.do_search(
            {"filterGroups": [{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": deals[4]}]}],
             "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}], "limit": 1}
        )  # fmt: skip
        assert (found.total, found.results[0].id) == (2, deals[5])
        assert client.crm.owners.owners_api.get_page().results[0].first_name == "Ada"
        assert client.crm.pipelines.pipelines_api.get_all("deals").results[0].stages[0].label == "Open"
        names = {each.name for each in client.crm.properties.core_api.get_all("deals").results}
        assert {"dealname", "closedate"} <= names
        pop_up = server.add_form("Newsletter", "flow")
        conversion = server.submit(pop_up, "zoe@globex.example")
        campaign, _ = server.send_email("News")
        click = server.email_event("CLICK", campaign, "zoe@globex.example")
        forms = client.marketing.forms.forms_api.get_page(form_types=["flow"]).results
        assert [each.id for each in forms] == [pop_up]

        def ask(path: str, **asked: object) -> dict[str, list[dict[str, str]]]:
            found: dict[str, list[dict[str, str]]] = client.api_request({"path": path, "qs": asked}).json()
            return found

        submissions = ask(f"/form-integrations/v1/submissions/forms/{pop_up}", limit=50)["results"]
        assert [each["conversionId"] for each in submissions] == [conversion]
        events = ask("/email/public/v1/events", eventType="CLICK", limit=1000)["events"]
        assert [each["id"] for each in events] == [click]
