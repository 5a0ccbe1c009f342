"""The `demo` source: a B2B SaaS company that lives day by day from a seed, for trying Pipeledger without a vendor.

Its rows come from the simulation in this folder and go, like those of any source, to the landing.
The simulation knows every past day, so it can be asked for any day from its start date on; a day's state is that
at the day's end. On two days its systems were down, and those can never be asked.

Alone: `python -m ingestion.demo_company.source` prints how many rows each entity has after 540 days.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path

import pyarrow as pa

from ingestion.demo_company import home
from ingestion.demo_company.calendar import date_of, day_number
from ingestion.demo_company.simulation import SimulatedCompany
from ingestion.demo_company.truth import Truth, missing_days, truth_of
from ingestion.demo_company.world import RECORDED
from ingestion.source import Days, Extraction, SourceError, landed_name

DAYS_PER_CHUNK = 135  # each chunk costs a quarter of a second an entity, whatever its size
_DOWN = ("its systems were down",)


@dataclass(frozen=True)
class DemoSource:
    """A `Source` over a simulated company."""

    name: str
    company: SimulatedCompany
    type: str = "demo"
    entities: tuple[str, ...] = tuple(RECORDED)

    def days(self, first: date, last: date) -> Days:
        """All days from the start date on, but those on which the systems were down."""
        down = missing_days(self.company.start_date)
        complete, incomplete = [], {}
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            if day < self.company.start_date:
                incomplete[day] = (f"it begins on {self.company.start_date}",)
            elif day in down:
                incomplete[day] = _DOWN
            else:
                complete.append(day)
        return Days(tuple(complete), incomplete)

    def chunks(self, days: Sequence[date]) -> Iterator[Sequence[date]]:
        """Groups of 135 days."""
        for first in range(0, len(days), DAYS_PER_CHUNK):
            yield days[first : first + DAYS_PER_CHUNK]

    def extract(self, days: Sequence[date], today: date) -> dict[str, Callable[[], Iterator[Extraction]]]:
        """The extractions of `days` by entity, in ascending order of days. The first one that is read makes it live.

        Raises SourceError for a day before the start, after `today`, or on which the systems were down.
        """
        ordered = sorted(days)
        self._refuse_unknown(ordered, today)
        return {entity: partial(self._extract_entity, entity, ordered) for entity in self.entities}

    def _refuse_unknown(self, days: Sequence[date], today: date) -> None:
        for day, problems in self.days(days[0], days[-1]).incomplete.items() if days else ():
            if day in days:
                raise SourceError(
                    f"{self.name}: no data for {day}, {problems[0]}. A captured day expected. Leave that day out."
                )
        if days and days[-1] > today:
            raise SourceError(
                f"{self.name}: {days[-1]} is asked for, and today is {today}. A day up to today expected. "
                "Correct --date, --from or --to."
            )

    def _extract_entity(self, entity: str, days: Sequence[date]) -> Iterator[Extraction]:
        if days:
            self.company.live_until(days[-1])
        rows = self._events if RECORDED[entity].mode == "events" else self._states
        for day, table in rows(entity, days) if days else ():
            yield _extraction(entity, day, table)

    def _states(self, entity: str, days: Sequence[date]) -> Iterator[tuple[date, pa.Table]]:
        """The whole table as it stood at the end of each day."""
        versions = self.company.world.versions[entity]
        for day, table in versions.tables([day_number(day) for day in days]):
            yield date_of(day), table

    def _events(self, entity: str, days: Sequence[date]) -> Iterator[tuple[date, pa.Table]]:
        """What is new since the last day that could be asked; on the first one, all that there is."""
        events = self.company.world.events[entity]
        down = missing_days(self.company.start_date)
        for day in days:
            before = day - timedelta(days=1)
            while before in down:
                before -= timedelta(days=1)
            after = None if before < self.company.start_date else day_number(before)
            yield day, events.table(after, day_number(day))


def build_source(name: str, *, seed: int = 7, start_date: date, time_zone: str, scale: float = 1.0) -> DemoSource:
    """A company that can be asked for any day from `start_date` on.

    The same arguments give the same company. `scale` multiplies its size: 1.0 is about 6,000 opportunities after
    540 days.
    """
    return DemoSource(name, SimulatedCompany(seed=seed, start_date=start_date, time_zone=time_zone, scale=scale))


def truth(company: SimulatedCompany) -> Truth:
    """What is planted in the company, as far as it has lived."""
    return truth_of(company)


def write_home(folder: Path, *, start_date: date, seed: int) -> None:
    """Write the demo company's `pipeledger.toml` and `definitions/*.csv` into `folder`."""
    home.write_home(folder, start_date=start_date, seed=seed)


@cache
def _landed_names(entity: str) -> dict[str, str]:
    return {column: landed_name(column) for column in RECORDED[entity].columns}


def _extraction(entity: str, day: date, table: pa.Table) -> Extraction:
    """Columns land under their canonical names (but for reserved ones), so everything is governed."""
    known = RECORDED[entity]
    landed = _landed_names(entity)
    return Extraction(
        entity=entity,
        snapshot_date=day,
        tables=(table.rename_columns(list(landed.values())),),
        key=tuple(landed[column] for column in known.key),
        ids=tuple(landed[column] for column in known.ids),
        required=tuple(landed[column] for column in known.required),
        mode=known.mode,
        governed={landed[column]: column_type for column, column_type in known.columns.items()},
        personal=tuple(landed[column] for column in known.personal),
        email=landed["email"] if "email" in known.personal else None,
        deleted=landed[known.deleted] if known.deleted else None,
        is_dated=True,
    )


def _print_row_counts() -> None:
    """Simulate the default company and say how large it is."""
    start_date = date(2025, 1, 6)
    last_day = start_date + timedelta(days=539)
    source = build_source("demo", start_date=start_date, time_zone=home.TIME_ZONE)
    for entity, extract in source.extract([last_day], last_day).items():
        rows = sum(table.num_rows for extraction in extract() for table in extraction.tables)
        print(f"{entity:26}{rows:>8,}")


if __name__ == "__main__":
    _print_row_counts()
