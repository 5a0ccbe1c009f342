"""Support: customers open tickets now and then, and many of them before they leave."""

from functools import partial
from random import Random

from ingestion.demo_company.billing import Billing
from ingestion.demo_company.business_objects import Account, Subscription, Ticket
from ingestion.demo_company.calendar import HOUR, is_business_day
from ingestion.demo_company.profile import TROUBLED_A_YEAR, TROUBLED_CHURN
from ingestion.demo_company.world import World

_TICKETS_A_DAY = 0.9
_SEVERITIES = ("low", "low", "normal", "normal", "normal", "high", "urgent")
_NOTICE_DAYS = 100  # before the end of a term, while its renewal is talked about
_QUIET_DAYS = 20


class Support:
    """All tickets. Chance is support's own: what is drawn here changes nobody else's day."""

    def __init__(self, world: World, billing: Billing) -> None:
        self._world = world
        self._billing = billing
        self.troubled: list[Account] = []
        billing.on_term.append(self._look_ahead)

    def live(self) -> None:
        """One day: any customer may ask something."""
        world, chance = self._world, self._world.chance_of("support")
        if is_business_day(world.day) and self._billing.running:
            for _ in range(world.how_many(_TICKETS_A_DAY, chance)):
                self._open(chance.choice(self._billing.running), chance.choice(_SEVERITIES), chance.randint(0, 9))

    def _look_ahead(self, subscription: Subscription, term_end: int) -> None:
        """Planted: for a few customers nothing works before a term ends, and then most of them leave."""
        chance = self._world.chance_of(f"{subscription.subscription_id}/{term_end}")
        first_day = max(term_end - _NOTICE_DAYS, self._world.day)
        if chance.random() < TROUBLED_A_YEAR * subscription.months / 12 and term_end > self._world.start_day:
            self._world.plan(first_day, partial(self._fail, subscription, term_end, chance))

    def _fail(self, subscription: Subscription, term_end: int, chance: Random) -> None:
        if subscription.is_over:
            return
        subscription.yearly_churn = TROUBLED_CHURN
        self.troubled.append(subscription.account)
        last_day = max(term_end - _QUIET_DAYS, self._world.day + 7)
        for _ in range(chance.randint(5, 9)):
            day, days_open = chance.randint(self._world.day, last_day), chance.randint(4, 30)
            severity = chance.choice(("high", "urgent"))
            self._world.plan(day, partial(self._open, subscription, severity, days_open))

    def _open(self, subscription: Subscription, severity: str, days_open: int) -> None:
        world = self._world
        ticket = Ticket(
            ticket_id=world.new_id("tic", 5),
            account_id=subscription.account_id,
            opened_at=world.clock.instant(world.day, 10 * HOUR),
            closed_at=None,
            severity=severity,
        )
        world.save("ticket", ticket)
        world.plan(world.day + days_open, partial(self._close, ticket))

    def _close(self, ticket: Ticket) -> None:
        ticket.closed_at = self._world.clock.instant(self._world.day, 16 * HOUR)
        self._world.save("ticket", ticket)
