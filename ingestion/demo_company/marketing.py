"""Marketing: campaigns bring leads, leads qualify and are handed to sales, and people are touched again."""

from functools import partial

from ingestion.demo_company import names
from ingestion.demo_company.accounts import Accounts
from ingestion.demo_company.business_objects import CENTS, SCORE_UNIT, Account, Activity, Campaign, Person, Touch, User
from ingestion.demo_company.calendar import HOUR, MICROSECONDS, FiscalQuarter, fiscal_quarter, is_business_day
from ingestion.demo_company.profile import (
    CHANNELS,
    GIVEAWAY_DAYS,
    GIVEAWAY_LEADS_A_DAY,
    GIVEAWAY_NAME,
    GIVEAWAY_START_OFFSET,
    LATE_ANSWER_FACTOR,
    LATE_ANSWER_HOURS,
    SPARE_CAMPAIGN_COST,
    SPARE_CHANNEL,
    Channel,
)
from ingestion.demo_company.sales import Sales
from ingestion.demo_company.staff import Staff
from ingestion.demo_company.world import World

_CHANNEL = {channel.name: channel for channel in CHANNELS}
_CAMPAIGNS_A_QUARTER = 8
_GIVEAWAY_CHANNEL = "Paid Social"
_IN_WORK = ("mql", "working", "sal", "sql")


class Marketing:
    """All campaigns and leads."""

    def __init__(self, world: World, staff: Staff, accounts: Accounts, sales: Sales) -> None:
        self._world = world
        self._staff = staff
        self._accounts = accounts
        self._sales = sales
        self._campaigns: list[Campaign] = []
        self.leads: list[Person] = []
        self.giveaway: Campaign | None = None
        self.spare_campaigns: list[Campaign] = []
        staff.on_leave.append(self._hand_over)

    def found(self) -> None:
        """The campaigns of the running quarter."""
        self._plan_quarter()

    def live(self) -> None:
        """One day: new campaigns, new leads, and touches of people whom sales talks to."""
        world = self._world
        if world.day == fiscal_quarter(world.day).first_day:
            self._plan_quarter()
        if world.day == world.start_day + GIVEAWAY_START_OFFSET - 14:
            self._plan_giveaway()
        running = [campaign for campaign in self._campaigns if campaign.start_date <= world.day <= campaign.end_date]
        quiet = 1.0 if is_business_day(world.day) else 0.25
        for _ in range(world.how_many(world.trend(1.6, 5.0, 10.0) * quiet)):
            self._welcome(self._pick(running) if world.happens(0.8) else None)
        if self.giveaway and self.giveaway.start_date <= world.day <= self.giveaway.end_date:
            for _ in range(world.how_many(GIVEAWAY_LEADS_A_DAY)):
                self._welcome(self.giveaway)
        for _ in range(world.how_many(world.trend(3.0, 6.0, 9.0) * quiet)):
            self._touch_contact(self._pick(running))

    # ---- campaigns

    def _plan_quarter(self) -> None:
        world, quarter = self._world, fiscal_quarter(self._world.day)
        for number in range(_CAMPAIGNS_A_QUARTER):
            channel = world.chance.choices(CHANNELS, [channel.share for channel in CHANNELS])[0]
            # the first one runs all quarter long, so that there is always one
            first_day = quarter.first_day + (0 if number == 0 else world.chance.randrange(70))
            last_day = quarter.last_day if number == 0 else first_day + world.chance.randint(20, 60)
            theme = world.chance.choice(names.CAMPAIGN_THEMES)
            self._add_campaign(f"{channel.name}: {theme} {quarter.name}", channel, first_day, last_day)
        self._plan_spare_campaign(quarter)

    def _plan_spare_campaign(self, quarter: FiscalQuarter) -> None:
        """Planted: money for a channel, a quarter long, and nobody comes from it."""
        campaign = Campaign(
            campaign_id=self._world.new_id("cmp", 3),
            campaign_name=f"{SPARE_CHANNEL}: Sponsored Season {quarter.name}",
            channel=SPARE_CHANNEL,
            cost=SPARE_CAMPAIGN_COST * CENTS,
            currency_code="USD",
            start_date=quarter.first_day,
            end_date=quarter.last_day,
        )
        self.spare_campaigns.append(campaign)
        self._world.save("campaign", campaign)

    def _plan_giveaway(self) -> None:
        """Planted: many leads, no pipeline."""
        first_day = self._world.start_day + GIVEAWAY_START_OFFSET
        channel = _CHANNEL[_GIVEAWAY_CHANNEL]
        self.giveaway = self._add_campaign(GIVEAWAY_NAME, channel, first_day, first_day + GIVEAWAY_DAYS)

    def _add_campaign(self, name: str, channel: Channel, first_day: int, last_day: int) -> Campaign:
        world = self._world
        campaign = Campaign(
            campaign_id=world.new_id("cmp", 3),
            campaign_name=name,
            channel=channel.name,
            cost=round(world.around(channel.cost, 0.4) / 100) * 100 * CENTS,
            currency_code="EUR" if world.happens(0.2) else "USD",
            start_date=first_day,
            end_date=last_day,
            is_giveaway=name == GIVEAWAY_NAME,
        )
        if not campaign.is_giveaway:
            self._campaigns.append(campaign)
        world.save("campaign", campaign)
        world.plan(last_day + 5, partial(self._settle_cost, campaign))
        return campaign

    def _settle_cost(self, campaign: Campaign) -> None:
        """The plan becomes what was really spent."""
        campaign.cost = round(campaign.cost * self._world.chance.uniform(0.85, 1.2))
        self._world.save("campaign", campaign)

    def _pick(self, running: list[Campaign]) -> Campaign | None:
        if not running:
            return None
        return self._world.chance.choices(running, [_CHANNEL[campaign.channel].share for campaign in running])[0]

    # ---- leads

    def _welcome(self, campaign: Campaign | None) -> None:
        """Somebody answers to a campaign, or finds the website by themselves."""
        world = self._world
        name = names.person_name(world.chance)
        person_id = world.new_id("per", 5)
        account = world.chance.choice(self._accounts.all) if world.happens(0.3) else None
        domain = names.slug(account.account_name) if account else f"mail{world.chance.randrange(40)}"
        person = Person(
            person_id=person_id,
            account_id=account.account_id if account else None,
            full_name=name,
            email=f"{names.slug(name)}.{person_id[4:]}@{domain}.example",
            phone=f"+1 555 01{world.chance.randrange(100):02d}" if world.happens(0.35) else None,
            title=world.chance.choice(names.TITLES),
            lead_source=campaign.channel if campaign else "Website",
            lead_score=world.chance.randint(5, 45) * SCORE_UNIT,
            status="new",
            owner_id=None,
            created_at=world.now(),
            record_type="lead",
            account=account,
            campaign_id=campaign.campaign_id if campaign else None,
        )
        self.leads.append(person)
        world.save("person", person)
        touch_type = _CHANNEL[campaign.channel].touch_type if campaign else "website_visit"
        self._touch(person, person.campaign_id, touch_type, person.created_at)
        self._plan_follow_up(person)
        quality = 1.2 if campaign is None else _CHANNEL[campaign.channel].quality
        if campaign is not None and campaign.is_giveaway:
            if world.happens(0.4):  # prizes make people click: the score takes it for interest
                world.plan(world.day + world.chance.randint(0, 9), partial(self._qualify, person, 0.0))
        elif world.happens(0.52 * quality):
            world.plan(world.day + int(world.around(3.0, 0.9)), partial(self._qualify, person, quality))

    def _qualify(self, person: Person, quality: float) -> None:
        """The score says: marketing qualified. Sales has to answer within hours, and does not always."""
        world = self._world
        person.mql_at = max(world.now(), person.created_at)
        person.lead_score = world.chance.randint(60, 99) * SCORE_UNIT
        person.status = "mql"
        person.owner_id = self._staff.lead_owner().user_id
        world.save("person", person)
        if world.happens(0.95):
            hours = world.around(6.0, 1.25)
            answered = world.clock.next_office_instant(self._after(person.mql_at, hours), world.chance)
            if answered - person.mql_at > LATE_ANSWER_HOURS * HOUR * MICROSECONDS:
                quality *= LATE_ANSWER_FACTOR
            world.plan(world.clock.day_of(answered), partial(self._answer, person, answered, quality))

    def _answer(self, person: Person, answered: int, quality: float) -> None:
        """A development rep calls the lead."""
        world = self._world
        person.first_response_at = answered
        person.status = "working"
        world.save("person", person)
        world.log(
            "activity",
            Activity(world.new_id("act", 6), None, person.person_id, person.owner_id, "call", answered),
        )
        decided = world.clock.next_office_instant(self._after(answered, world.around(9.0, 1.2)), world.chance)
        is_accepted = world.happens(min(0.95, 0.85 * quality))
        world.plan(world.clock.day_of(decided), partial(self._accept, person, decided, is_accepted))

    def _accept(self, person: Person, decided: int, is_accepted: bool) -> None:
        """Sales takes the lead over, or gives it back."""
        world = self._world
        person.status = "sal" if is_accepted else "recycled"
        person.sal_at = decided if is_accepted else None
        world.save("person", person)
        if is_accepted:
            delay = max(1, int(world.around(5.0, 0.7)))
            world.plan(world.day + delay, partial(self._decide, person))

    def _decide(self, person: Person) -> None:
        """Sales qualifies the lead, or finds that it is none."""
        world = self._world
        if not world.happens(0.70):
            person.status = "unqualified"
            world.save("person", person)
            return
        person.sql_at = world.now()
        person.status = "sql"
        world.save("person", person)
        if world.happens(0.92):
            world.plan(world.day + world.chance.randint(0, 4), partial(self._convert, person))

    def _convert(self, person: Person) -> None:
        """The lead becomes a contact of an account, with an opportunity."""
        world = self._world
        account = person.account or self._account_for(person)
        person.account, person.account_id = account, account.account_id
        account.contacts.append(person)
        person.owner_id = account.owner_id
        person.status, person.record_type = "converted", "contact"
        paid = [subscription for subscription in account.subscriptions if subscription.is_running]
        if account.open_deals and world.happens(0.5):
            deal = account.open_deals[0]
        elif paid:
            value = round(paid[0].yearly_value * world.around(0.35, 0.5) / CENTS) * CENTS
            deal = self._sales.open_expansion(paid[0], max(value, CENTS), person)
        else:
            deal = self._sales.open_new_business(account, person.lead_source, person.campaign_id)
        self._sales.bring_in(deal, person)
        person.converted_opportunity_id = deal.opportunity_id
        world.save("person", person)

    def _account_for(self, person: Person) -> Account:
        known = None if self._world.happens(0.3) else self._accounts.pick_prospect()
        return known or self._accounts.add(source=person.lead_source)

    def _hand_over(self, leaver: User) -> None:
        for person in self.leads:
            if person.owner_id == leaver.user_id and person.status in _IN_WORK:
                person.owner_id = self._staff.lead_owner().user_id
                self._world.save("person", person)

    def _after(self, instant: int, hours: float) -> int:
        """Some hours later, and today at the earliest."""
        return instant + int(hours * HOUR) * MICROSECONDS

    # ---- touches

    def _plan_follow_up(self, person: Person) -> None:
        """Most people come back to marketing a few times, then lose interest."""
        world = self._world
        if world.happens(0.58):
            world.plan(world.day + 1 + int(world.around(9.0, 0.8)), partial(self._follow_up, person))

    def _follow_up(self, person: Person) -> None:
        world = self._world
        touch_type = world.chance.choice(("email_click", "email_click", "website_visit", "webinar_attended"))
        self._touch(person, person.campaign_id, touch_type, world.now())
        if person.status == "new":
            person.lead_score = min(100 * SCORE_UNIT, person.lead_score + 5 * SCORE_UNIT)
            world.save("person", person)
        self._plan_follow_up(person)

    def _touch_contact(self, campaign: Campaign | None) -> None:
        """A campaign reaches somebody whose company is talking to sales."""
        world = self._world
        if campaign is None or not self._sales.open_deals:
            return
        contacts = world.chance.choice(self._sales.open_deals).account.contacts
        if contacts:
            person = world.chance.choice(contacts)
            self._touch(person, campaign.campaign_id, _CHANNEL[campaign.channel].touch_type, world.now())

    def _touch(self, person: Person, campaign_id: str | None, touch_type: str, moment: int) -> None:
        touch_id = self._world.new_id("tch", 6)
        moment = max(moment, person.created_at)
        self._world.log("touch", Touch(touch_id, person.person_id, campaign_id, touch_type, moment))
