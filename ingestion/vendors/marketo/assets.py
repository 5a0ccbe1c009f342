"""Marketo's assets, listed whole every day: programs with their costs and tags, smart campaigns, forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.source import SourceError
from ingestion.vendors.marketo.client import MarketoApi

PAGE_ROWS = 200  # assets of one page
READINGS = 5
ROWS = 300


@dataclass(frozen=True)
class Assets:
    """The assets of one subscription."""

    api: MarketoApi

    def programs(self) -> list[dict[str, Any]]:
        """All programs with their costs, tags and days."""
        found = []
        for listed in self._assets("programs"):
            said = self.api.get(f"/rest/asset/v1/program/{listed['id']}.json")
            for program in said.get("result") or ():  # none where it has been deleted in the meantime
                costs = program.get("costs")
                tags = program.pop("tags", None) or ()
                found.append(
                    {
                        **{name: plain(value) for name, value in program.items()},
                        "startDate": self._day(program.get("startDate")),
                        "endDate": self._day(program.get("endDate")),
                        "cost": str(sum(Decimal(str(each["cost"])) for each in costs)) if costs else None,
                        **{tag_column(each["tagType"]): each.get("tagValue") for each in tags},
                    }
                )
        return found

    def tags(self) -> list[str]:
        """The names of tags, whether a program has them or not."""
        return [tag_column(each["tagType"]) for each in self._pages("tagTypes")]

    def campaigns(self) -> list[dict[str, Any]]:
        """All smart campaigns."""
        path = "/rest/v1/campaigns.json"
        rows: list[dict[str, Any]] = []
        seen: set[str] = set()
        asked: dict[str, Any] = {"batchSize": ROWS}
        while True:
            said = self.api.get(path, asked)
            rows += said.get("result") or []
            token = said.get("nextPageToken")
            if not token or not said.get("result"):
                break
            check_page(self.api.account.name, path, token, seen)
            seen.add(token)
            asked["nextPageToken"] = token
        self._check_distinct("campaign", rows)
        return rows

    def forms(self) -> list[dict[str, Any]]:
        """All forms, each with the program in which it lies."""
        return [
            {
                **{name: plain(value) for name, value in form.items()},
                "programId": form["folder"].get("value")
                if (form.get("folder") or {}).get("type") == "Program"
                else None,
            }
            for form in self._assets("forms")
        ]

    def _assets(self, kind: str) -> list[dict[str, Any]]:
        """All assets of a kind. Pages are by number, so that they are read until two readings agree."""
        before: list[Any] = []
        for _ in range(READINGS):
            rows = self._pages(kind)
            ids = [row["id"] for row in rows]
            if len(set(ids)) == len(ids) and (len(ids) < PAGE_ROWS or ids == before):
                return rows
            before = ids
        raise SourceError(
            f"{self.api.account.name}: {kind}.json: got another list each time, {READINGS} times in a row. Expected "
            "the same twice. Nothing of this run was landed. Run the same command again."
        )

    def _pages(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for page in count():
            said = self.api.get(f"/rest/asset/v1/{kind}.json", {"offset": page * PAGE_ROWS, "maxReturn": PAGE_ROWS})
            found = said.get("result") or []
            rows += found
            if len(found) < PAGE_ROWS:
                break
        return rows

    def _check_distinct(self, entity: str, rows: Sequence[Mapping[str, Any]]) -> None:
        different = len({row["id"] for row in rows})
        if different != len(rows):
            raise SourceError(
                f"{self.api.account.name}.{entity}: got {len(rows):,} rows with {different:,} ids. Expected each once. "
                "Nothing of this run was landed. Run the same command again."
            )

    def _day(self, instant: str | None) -> str | None:
        """The day of the company on which an instant of an asset falls."""
        if not instant:
            return None
        return (
            datetime.fromisoformat(plain(instant)).astimezone(ZoneInfo(self.api.account.time_zone)).date().isoformat()
        )


def check_page(source: str, path: str, token: str, seen: set[str]) -> None:
    """SourceError for a page that was read before."""
    if token in seen:
        raise SourceError(
            f"{source}: {path}: got a page that leads back to one that was read. Expected another one. Nothing "
            "of this run was landed. Run the same command again."
        )


def plain(value: Any) -> Any:
    """Instants of assets end in Z+0000, which nobody else understands."""
    return value.removesuffix("+0000") if isinstance(value, str) and value.endswith("Z+0000") else value


def tag_column(name: str) -> str:
    """The column of a tag."""
    return f"tag_{name}"
