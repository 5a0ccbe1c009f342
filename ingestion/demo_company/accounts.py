"""Accounts and their contacts: founded, grown into other segments, acquired, handed over."""

from ingestion.demo_company import names
from ingestion.demo_company.business_objects import SCORE_UNIT, Account, Customer, Person, User
from ingestion.demo_company.calendar import HOUR
from ingestion.demo_company.profile import SEGMENT, SEGMENTS
from ingestion.demo_company.staff import Staff
from ingestion.demo_company.world import World

_INITIAL_ACCOUNTS = 430
_REGIONS = ("North America", "EMEA", "APAC")
_GROWTH_PATH = {"SMB": "Mid-Market", "Mid-Market": "Enterprise", "Enterprise": "Mid-Market"}
_SEGMENT_CHANGES_A_DAY = 0.16
_ACQUISITIONS_A_DAY = 0.05
_NEW_CONTACTS_A_DAY = 1.4


class Accounts:
    """All accounts, oldest first."""

    def __init__(self, world: World, staff: Staff) -> None:
        self._world = world
        self._staff = staff
        self.all: list[Account] = []
        staff.on_leave.append(self._hand_over)

    def found(self) -> None:
        """Those that the company knows from the beginning."""
        for _ in range(self._world.sized(_INITIAL_ACCOUNTS)):
            self.add()

    def live(self) -> None:
        """One day: some grow or shrink into another segment, are bought, or get a new contact."""
        world = self._world
        for _ in range(world.how_many(_SEGMENT_CHANGES_A_DAY)):
            self._change_segment(world.chance.choice(self.all))
        for _ in range(world.how_many(_ACQUISITIONS_A_DAY)):
            self._acquire(world.chance.randrange(1, len(self.all)))
        for _ in range(world.how_many(_NEW_CONTACTS_A_DAY)):
            self.add_contact(world.chance.choice(self.all))

    def add(self, size: str | None = None, source: str = "Outbound") -> Account:
        """A company comes into the CRM, with its first contacts."""
        world, chance = self._world, self._world.chance
        size = size or chance.choices([s.name for s in SEGMENTS], [s.share for s in SEGMENTS])[0]
        industry = size if size == "Public Sector" else chance.choice(names.PRIVATE_INDUSTRIES)
        name = names.account_name(industry, chance)
        account_id = world.new_id("acc", 4)
        region = chance.choices(_REGIONS, (0.70, 0.25, 0.05))[0]
        is_blank = world.happens(0.015) and size != "Public Sector"
        account = Account(
            account_id=account_id,
            account_name=name,
            segment=None if is_blank else size,
            industry=industry,
            region=region,
            employee_count=None if is_blank else self._employees(size),
            parent_account_id=self._parent_of(size),
            owner_id=self._staff.seller(size).user_id,
            website=f"https://{names.slug(name)}-{account_id[4:]}.example" if world.happens(0.9) else None,
            billing_customer_id=None,
            is_target_account=world.happens(0.3 if size == "Enterprise" else 0.1),
            created_at=world.now(),
            size=size,
            currency_code="EUR" if region == "EMEA" and world.happens(0.85) else "USD",
        )
        self.all.append(account)
        world.save("account", account)
        for _ in range(chance.randint(1, 2)):
            self.add_contact(account, source)
        return account

    def add_contact(self, account: Account, source: str = "Outbound") -> Person:
        """Somebody at the account becomes known."""
        world = self._world
        name = names.person_name(world.chance)
        person_id = world.new_id("per", 5)
        person = Person(
            person_id=person_id,
            account_id=account.account_id,
            full_name=name,
            email=f"{names.slug(name)}.{person_id[4:]}@{names.slug(account.account_name)}.example",
            phone=f"+1 555 01{world.chance.randrange(100):02d}" if world.happens(0.6) else None,
            title=world.chance.choice(names.TITLES),
            lead_source=source,
            lead_score=world.chance.randint(5, 40) * SCORE_UNIT,
            status="contact",
            owner_id=account.owner_id,
            created_at=world.now(),
            account=account,
        )
        account.contacts.append(person)
        world.save("person", person)
        return person

    def register_with_billing(self, account: Account, since: int) -> str:
        """The first subscription, be it a trial: billing knows the account from now on. Its customer id."""
        if account.billing_customer_id is None:
            account.billing_customer_id = self._world.new_id("cus", 4)
            self._world.save("account", account)
            customer = Customer(
                customer_id=account.billing_customer_id,
                customer_name=account.account_name,
                account_id=None,  # its subscriptions name the account
                domain=account.website.removeprefix("https://") if account.website else None,
                currency_code=account.currency_code,
                created_at=self._world.clock.instant(since, 9 * HOUR),
            )
            self._world.save("customer", customer)
        return account.billing_customer_id

    def welcome_customer(self, account: Account) -> None:
        """The first paid subscription: an account manager takes over."""
        account.first_customer_day = self._world.day
        account.owner_id = self._staff.account_manager().user_id
        self._world.save("account", account)

    def pick_prospect(self, may_have_deal: bool = False) -> Account | None:
        """A known account that was never a customer, if one is found at the first few looks."""
        for _ in range(12):
            account = self._world.chance.choice(self.all)
            if not account.subscriptions and (may_have_deal or not account.open_deals):
                return account
        return None

    def _employees(self, size: str) -> int:
        low, high = SEGMENT[size].employees
        return int(low * (high / low) ** self._world.chance.random())

    def _parent_of(self, size: str) -> str | None:
        """Some smaller accounts belong to an Enterprise one, and some of those to another."""
        if not self._world.happens(0.05 if size == "Enterprise" else 0.13):
            return None
        parents = [account for account in self.all if account.size == "Enterprise"]
        return self._world.chance.choice(parents).account_id if parents else None

    def _change_segment(self, account: Account) -> None:
        if account.size not in _GROWTH_PATH or account.segment is None:
            return
        account.size = account.segment = _GROWTH_PATH[account.size]
        account.employee_count = self._employees(account.size)
        self._world.save("account", account)

    def _acquire(self, bought: int) -> None:
        """An account gets an older one as its parent: so that parents never run in a circle."""
        account = self.all[bought]
        account.parent_account_id = self.all[self._world.chance.randrange(bought)].account_id
        self._world.save("account", account)

    def _hand_over(self, leaver: User) -> None:
        """Somebody left: each account and contact goes to a colleague."""
        for account in self.all:
            if account.owner_id == leaver.user_id:
                account.owner_id = self._staff.successor(leaver).user_id
                self._world.save("account", account)
                for person in account.contacts:
                    if person.owner_id == leaver.user_id:
                        person.owner_id = account.owner_id
                        self._world.save("person", person)
