"""The company's calendar: days as numbers since 1970-01-01, business days, fiscal quarters, instants in UTC.

Pure functions of the day and the time zone; the clock of the machine is never read.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

EPOCH = date(1970, 1, 1)
FISCAL_YEAR_START_MONTH = 2
MICROSECONDS = 1_000_000
HOUR = 3_600


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def date_of(day: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=day)


def is_business_day(day: int) -> bool:
    """Monday to Friday (1970-01-01 was a Thursday)."""
    return (day + 3) % 7 < 5


def next_business_day(day: int) -> int:
    """The day itself, or the Monday after its weekend."""
    while not is_business_day(day):
        day += 1
    return day


@dataclass(frozen=True)
class FiscalQuarter:
    """A fiscal quarter: its name (`FY2026-Q3`), first and last day."""

    name: str
    first_day: int
    last_day: int


@cache
def fiscal_quarter(day: int) -> FiscalQuarter:
    """The fiscal quarter of a day; the year is named by the calendar year in which it ends."""
    that = date_of(day)
    months = (that.month - FISCAL_YEAR_START_MONTH) % 12
    first_month = that.year * 12 + that.month - 1 - months % 3
    fiscal_year = (first_month - FISCAL_YEAR_START_MONTH + 1) // 12 + 1
    return FiscalQuarter(
        name=f"FY{fiscal_year}-Q{months // 3 + 1}",
        first_day=_first_of_month(first_month),
        last_day=_first_of_month(first_month + 3) - 1,
    )


def month_end(day: int) -> int:
    """The last day of the day's calendar month."""
    that = date_of(day)
    return _first_of_month(that.year * 12 + that.month) - 1


def add_months(day: int, months: int) -> int:
    """The same day of the month `months` later, or the last day of a shorter month."""
    that = date_of(day)
    first = _first_of_month(that.year * 12 + that.month - 1 + months)
    return min(first + that.day - 1, month_end(first))


def _first_of_month(months: int) -> int:
    """Day number of the first of a month, counted in months since year 0."""
    return day_number(date(months // 12, months % 12 + 1, 1))


class Clock:
    """Instants (microseconds since 1970 in UTC) of a company that lives in one time zone."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._midnights: dict[int, int] = {}

    def midnight(self, day: int) -> int:
        """The instant at which a business date begins."""
        if day not in self._midnights:
            that = date_of(day)
            moment = datetime(that.year, that.month, that.day, tzinfo=self._zone)
            self._midnights[day] = int(moment.timestamp()) * MICROSECONDS
        return self._midnights[day]

    def instant(self, day: int, second: int) -> int:
        """`second` seconds into a business date, never beyond it (a day may have 23 hours)."""
        return min(self.midnight(day) + second * MICROSECONDS, self.midnight(day + 1) - MICROSECONDS)

    def day_of(self, instant: int) -> int:
        """The business date of an instant."""
        return day_number(datetime.fromtimestamp(instant // MICROSECONDS, UTC).astimezone(self._zone).date())

    def second_of(self, instant: int) -> int:
        """Seconds since the midnight that began the instant's business date."""
        return (instant - self.midnight(self.day_of(instant))) // MICROSECONDS

    def office_instant(self, day: int, chance: Random) -> int:
        """A moment of a day: in office hours mostly, sometimes close to midnight."""
        if chance.random() < 0.02:
            return self.instant(day, 24 * HOUR - 1 - int(chance.random() * HOUR))
        return self.instant(day, int(chance.triangular(8 * HOUR, 18.5 * HOUR, 11 * HOUR)))

    def next_office_instant(self, instant: int, chance: Random) -> int:
        """The instant itself if the office is open, else early on the next business day."""
        day, second = self.day_of(instant), self.second_of(instant)
        if is_business_day(day) and 7 * HOUR <= second <= 20 * HOUR:
            return instant
        opening = next_business_day(day if second < 7 * HOUR else day + 1)
        return self.instant(opening, int(chance.uniform(8 * HOUR, 10 * HOUR)))
