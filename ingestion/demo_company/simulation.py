"""The company: its departments put together, living one day after the other.

Alone: `SimulatedCompany(seed=7, start_date=date(2025, 1, 1), time_zone="UTC", scale=0.1)`, then `live_until(day)`.
"""

from datetime import date

from ingestion.demo_company.accounts import Accounts
from ingestion.demo_company.billing import Billing
from ingestion.demo_company.calendar import date_of, day_number
from ingestion.demo_company.contacts import Contacts
from ingestion.demo_company.marketing import Marketing
from ingestion.demo_company.mishaps import Mishaps
from ingestion.demo_company.planning import Planning
from ingestion.demo_company.sales import Sales
from ingestion.demo_company.staff import Staff
from ingestion.demo_company.support import Support
from ingestion.demo_company.world import World


class SimulatedCompany:
    """A simulated business. The same arguments give the same company, however far and in whatever steps it lives."""

    def __init__(self, *, seed: int, start_date: date, time_zone: str, scale: float) -> None:
        self.start_date = start_date
        self.world = World(seed=seed, start_day=day_number(start_date), time_zone=time_zone, scale=scale)
        self.staff = Staff(self.world)
        self.accounts = Accounts(self.world, self.staff)
        self.sales = Sales(self.world, self.staff, self.accounts)
        self.mishaps = Mishaps(self.world, self.sales)
        self.billing = Billing(self.world, self.accounts, self.sales)
        self.marketing = Marketing(self.world, self.staff, self.accounts, self.sales)
        self.support = Support(self.world, self.billing)
        self.contacts = Contacts(self.world, self.accounts)
        self.planning = Planning(self.world, self.staff, self.sales)
        self._found()

    @property
    def today(self) -> date:
        """The last day that it has lived."""
        return date_of(self.world.day)

    def live_until(self, day: date) -> None:
        """Live every day up to and including `day`; nothing happens if that is past."""
        while self.world.day < day_number(day):
            self.world.dawn()
            for department in (
                self.planning,
                self.staff,
                self.accounts,
                self.marketing,
                self.sales,
                self.mishaps,
                self.billing,
                self.support,
                self.contacts,
            ):
                department.live()
            self.world.work_off_agenda()

    def _found(self) -> None:
        for department in (self.staff, self.accounts, self.marketing, self.billing, self.planning):
            department.found()
        self.world.work_off_agenda()
