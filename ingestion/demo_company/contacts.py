"""What time does to contacts: they leave, get other titles, and are entered a second time in another spelling."""

from dataclasses import replace
from random import Random

from ingestion.demo_company import names
from ingestion.demo_company.accounts import Accounts
from ingestion.demo_company.business_objects import Account, Person
from ingestion.demo_company.profile import DUPLICATES_A_DAY, LEAVERS_A_YEAR, TITLE_CHANGES_A_YEAR
from ingestion.demo_company.world import World

_LEGAL_FORMS = (", Inc.", " LLC", " GmbH")


class Contacts:
    """Nobody is told of what happens here, and chance is its own: the rest of the company lives on as before."""

    def __init__(self, world: World, accounts: Accounts) -> None:
        self._world = world
        self._accounts = accounts
        self.leavers: list[Person] = []
        self.retitled: list[Person] = []
        self.doubled_accounts: list[tuple[Account, Account]] = []  # the first entry, and the second
        self.doubled_people: list[tuple[Person, Person]] = []

    def live(self) -> None:
        """One day of a few contacts' lives."""
        world, chance = self._world, self._world.chance_of("contacts")
        known = sum(len(account.contacts) for account in self._accounts.all)
        for yearly, happen in ((LEAVERS_A_YEAR, self._leave), (TITLE_CHANGES_A_YEAR, self._rise)):
            for _ in range(int(known * yearly / 365 + chance.random())):
                contacts = chance.choice(self._accounts.all).contacts
                if contacts and not (person := chance.choice(contacts)).is_email_bounced:
                    happen(person, chance)
        for _ in range(world.how_many(DUPLICATES_A_DAY, chance)):
            account = chance.choice(self._accounts.all)
            if account.website and account.contacts:
                self._enter_again(account, chance)

    def _leave(self, person: Person, _: Random) -> None:
        """Mail comes back; the account has not told us where they went."""
        person.is_email_bounced = True
        self.leavers.append(person)
        self._world.save("person", person)

    def _rise(self, person: Person, chance: Random) -> None:
        person.title = chance.choice([title for title in names.TITLES if title != person.title])
        self.retitled.append(person)
        self._world.save("person", person)

    def _enter_again(self, account: Account, chance: Random) -> None:
        """The same company with its legal form and `www`, the same person with the last name first."""
        world, person = self._world, chance.choice(account.contacts)
        again = replace(
            account,
            account_id=world.new_id("acc", 4),
            account_name=account.account_name + chance.choice(_LEGAL_FORMS),
            parent_account_id=None,
            website=(account.website or "").replace("https://", "https://www."),
            billing_customer_id=None,
            created_at=world.clock.office_instant(world.day, chance),
            contacts=[],
            open_deals=[],
            subscriptions=[],
        )
        first, last = person.full_name.split(" ", 1)
        same = Person(
            person_id=world.new_id("per", 5),
            account_id=again.account_id,
            full_name=f"{last}, {first}",
            email=person.email.upper(),
            phone=person.phone,
            title=person.title,
            lead_source=person.lead_source,
            lead_score=person.lead_score,
            status="contact",
            owner_id=account.owner_id,
            created_at=again.created_at,
            account=again,
        )
        world.save("account", again)
        world.save("person", same)
        self.doubled_accounts.append((account, again))
        self.doubled_people.append((person, same))
