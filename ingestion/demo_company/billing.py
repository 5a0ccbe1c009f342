"""Billing: subscriptions and their invoices, renewals, and the health of customers."""

from collections.abc import Callable
from functools import partial

from ingestion.demo_company.accounts import Accounts
from ingestion.demo_company.business_objects import (
    CENTS,
    SCORE_UNIT,
    Account,
    HealthScore,
    Invoice,
    Opportunity,
    Subscription,
)
from ingestion.demo_company.calendar import HOUR, add_months, fiscal_quarter, is_business_day
from ingestion.demo_company.profile import (
    BILLING_HISTORY_DAYS,
    HEALTH_EVERY_DAYS,
    HEALTH_HISTORY_DAYS,
    RESTLESS_YEARLY_CHURN,
    SEGMENT,
)
from ingestion.demo_company.sales import Sales
from ingestion.demo_company.world import World

_INITIAL_CUSTOMERS = 200
_TRIALS_A_DAY = 0.32
_TRIAL_DAYS = 14
_SEAT_PRICE = 240 * CENTS
_RENEWAL_NOTICE_DAYS = 90
_PAST_DUE_DAYS = 30
_NEGOTIATED = ("Enterprise", "Mid-Market")  # segments in which a yearly subscription is renewed by a deal


class Billing:
    """All subscriptions that run; those that ended live on in the records only."""

    def __init__(self, world: World, accounts: Accounts, sales: Sales) -> None:
        self._world = world
        self._accounts = accounts
        self._sales = sales
        self.running: list[Subscription] = []
        self.on_term: list[Callable[[Subscription, int], None]] = []  # told of each term of a subscription, and its end
        before = fiscal_quarter(fiscal_quarter(world.start_day).first_day - 1)
        self.restless_quarter = before
        sales.on_won.append(self._book)
        sales.on_lost.append(self._lose)
        sales.on_reversed.append(self._take_back)

    def found(self) -> None:
        """The customers that the company has from the beginning, some of them for years."""
        world = self._world
        for account in world.chance.sample(self._accounts.all, world.sized(_INITIAL_CUSTOMERS)):
            segment = SEGMENT[account.size]
            value = round(world.around(segment.yearly_value, segment.value_spread)) * CENTS
            self._start(account, value, started=world.day - world.chance.randint(20, 1_100))

    def live(self) -> None:
        """One day: customers want more, try the product, and get their health measured."""
        world = self._world
        if not is_business_day(world.day):
            return
        for _ in range(world.how_many(world.trend(1.1, 2.3, 3.4))):
            self.offer_more(world.chance.choice(self.running))
        for _ in range(world.how_many(_TRIALS_A_DAY)):
            account = self._accounts.pick_prospect()
            if account is not None and account.size in ("SMB", "Mid-Market"):
                self._start_trial(account)

    def offer_more(self, subscription: Subscription) -> None:
        """An account manager finds a need."""
        value = round(subscription.yearly_value * self._world.around(0.5, 0.5) / CENTS) * CENTS
        if subscription.status != "trialing" and value > 0:
            self._sales.open_expansion(subscription, value)

    # ---- what deals mean for billing

    def _book(self, deal: Opportunity) -> None:
        """A deal was won."""
        subscription = deal.subscription
        if subscription is None or subscription.is_over:
            deal.subscription = self._start(
                deal.account, deal.value, started=self._world.day, currency=deal.currency_code
            )
        elif deal.is_renewal:
            self._reprice(subscription, deal.value)
        elif self._world.happens(0.3):
            self._start(deal.account, deal.value, started=self._world.day, currency=deal.currency_code)
        else:
            self._reprice(subscription, subscription.yearly_value + deal.value)

    def _lose(self, deal: Opportunity) -> None:
        """A renewal was lost: the subscription ends with its term; a few of these are entered too late."""
        world, subscription = self._world, deal.subscription
        if not deal.is_renewal or subscription is None or deal.term_end is None or subscription.is_over:
            return
        if deal.term_end > world.day and world.happens(0.08):
            world.plan(deal.term_end + 9, partial(self._end, subscription, deal.term_end))
        else:
            self._end(subscription, max(deal.term_end, world.day))

    def _take_back(self, deal: Opportunity) -> None:
        """A won deal was reversed: what it began ends."""
        if deal.subscription is not None and not deal.subscription.is_over:
            self._end(deal.subscription, self._world.day)

    # ---- the life of a subscription

    def _start(self, account: Account, yearly_value: int, *, started: int, currency: str | None = None) -> Subscription:
        """Sign up an account for `yearly_value` cents a year: as a customer of billing, with a new subscription."""
        world = self._world
        customer_id = self._accounts.register_with_billing(account, started)
        interval, count = world.chance.choices(
            (("year", 1), ("month", 1), ("month", 3)), SEGMENT[account.size].billing
        )[0]
        months = 12 if interval == "year" else count
        subscription = Subscription(
            subscription_id=world.new_id("sub", 4),
            customer_id=customer_id,
            account_id=account.account_id,
            status="active",
            started_at=world.clock.instant(started, 9 * HOUR),
            ended_at=None,
            cancelled_at=None,
            trial_start_at=None,
            trial_end_at=None,
            paused_from=None,
            paused_to=None,
            amount=max(CENTS, yearly_value * months // 12),
            interval=interval,
            interval_count=count,
            quantity=1 if world.happens(0.15) else max(1, yearly_value // _SEAT_PRICE),
            currency_code=currency or account.currency_code,
            account=account,
            start_day=started,
            yearly_churn=0.0,
            renews_itself=interval == "month" or account.size not in _NEGOTIATED,
        )
        self._run(subscription)
        return subscription

    def _run(self, subscription: Subscription) -> None:
        """The customer pays from `start_day` on."""
        world, account = self._world, subscription.account
        if account.first_customer_day is None:
            self._accounts.welcome_customer(account)
            account.is_restless = (
                self.restless_quarter.first_day <= subscription.start_day <= self.restless_quarter.last_day
            )
            self._plan_health(account)
        usual = SEGMENT[account.size].yearly_churn * world.around(1.0, 0.3)
        subscription.yearly_churn = RESTLESS_YEARLY_CHURN if account.is_restless else min(usual, 0.6)
        if subscription not in account.subscriptions:
            account.subscriptions.append(subscription)
        self.running.append(subscription)
        world.save("subscription", subscription)
        number = 0
        while add_months(subscription.start_day, number * subscription.months) < world.day:
            number += 1
        self._plan_term(subscription, number)

    def _plan_term(self, subscription: Subscription, number: int) -> None:
        """Term `number` begins with an invoice; before the end of a yearly one its renewal is opened."""
        world = self._world
        first_day = add_months(subscription.start_day, number * subscription.months)
        world.plan(first_day, partial(self._begin_term, subscription, number))
        for tell in self.on_term:
            tell(subscription, first_day)
        if not subscription.renews_itself and number > 0:
            world.plan(first_day - _RENEWAL_NOTICE_DAYS, partial(self._renew, subscription, first_day))

    def _begin_term(self, subscription: Subscription, number: int) -> None:
        world = self._world
        if subscription.is_over:
            return
        if number > 0 and subscription.renews_itself and self._fickle(subscription):
            return
        if subscription.status != "paused":
            self._bill(subscription)
        self._plan_term(subscription, number + 1)
        world.save("subscription", subscription)

    def _fickle(self, subscription: Subscription) -> bool:
        """Customers without a renewal deal leave, pause, or change what they pay. Whether they left."""
        world = self._world
        stay = (1.0 - subscription.yearly_churn) ** (subscription.months / 12)
        if world.happens(1.0 - stay):
            entered = world.day + (9 if world.happens(0.06) else 0)  # some cancellations are noticed late
            world.plan(entered, partial(self._end, subscription, world.day))
            return True
        if subscription.status == "active":
            draw = world.chance.random()
            if draw < 0.02:
                self._pause(subscription)
            elif draw < 0.035:
                self._reprice(subscription, int(subscription.yearly_value * world.chance.uniform(0.6, 0.9)))
            elif draw < 0.055:
                self._reprice(subscription, int(subscription.yearly_value * world.chance.uniform(1.1, 1.5)))
        return False

    def _renew(self, subscription: Subscription, term_end: int) -> None:
        """Offer another year, usually for a little more, sometimes for less."""
        if subscription.is_over or term_end <= self._world.day:
            return
        change = self._world.chance.choice((1.0, 1.03, 1.05, 1.07, 1.05, 0.8))
        value = round(subscription.yearly_value * change / CENTS) * CENTS
        self._sales.open_renewal(subscription, max(value, CENTS), term_end)

    def _reprice(self, subscription: Subscription, yearly_value: int) -> None:
        before = subscription.amount
        subscription.amount = max(CENTS, yearly_value * subscription.months // 12)
        if subscription.quantity > 1:
            subscription.quantity = max(1, round(subscription.quantity * subscription.amount / before))
        self._world.save("subscription", subscription)

    def _pause(self, subscription: Subscription) -> None:
        """For a while nothing is paid; half of them say at once until when."""
        world = self._world
        until = world.day + world.chance.randint(25, 80)
        subscription.status = "paused"
        subscription.paused_from = world.day
        subscription.paused_to = until if world.happens(0.5) else None
        world.save("subscription", subscription)
        world.plan(until, partial(self._resume, subscription))

    def _resume(self, subscription: Subscription) -> None:
        if subscription.status == "paused":
            subscription.status = "active"
            subscription.paused_to = self._world.day
            self._world.save("subscription", subscription)

    def _end(self, subscription: Subscription, last_day: int) -> None:
        """Cancel with effect from `last_day`, which may lie ahead or, entered late, behind."""
        world = self._world
        if subscription.is_over:
            return
        subscription.ended_at = world.clock.instant(last_day, 18 * HOUR)
        subscription.cancelled_at = world.clock.instant(world.day, 17 * HOUR)
        self.running.remove(subscription)
        world.save("subscription", subscription)
        world.plan(last_day, partial(self._settle, subscription))

    def _settle(self, subscription: Subscription) -> None:
        """The end takes effect; some customers come back months later."""
        world, account = self._world, subscription.account
        subscription.status = "canceled"
        world.save("subscription", subscription)
        has_left = all(other.is_over for other in account.subscriptions)
        if has_left and world.happens(0.04 if account.is_restless else 0.22):
            value = int(subscription.yearly_value * world.chance.uniform(0.5, 1.1))
            world.plan(world.day + world.chance.randint(45, 190), partial(self._come_back, account, value))

    def _come_back(self, account: Account, yearly_value: int) -> None:
        if all(subscription.is_over for subscription in account.subscriptions):
            self._start(account, yearly_value, started=self._world.day)
            self._plan_health(account)

    # ---- trials

    def _start_trial(self, account: Account) -> None:
        """Somebody signs up without talking to sales."""
        world = self._world
        last_day = world.day + _TRIAL_DAYS
        trial = Subscription(
            subscription_id=world.new_id("sub", 4),
            customer_id=self._accounts.register_with_billing(account, world.day),
            account_id=account.account_id,
            status="trialing",
            started_at=(started_at := world.now()),
            ended_at=None,
            cancelled_at=None,
            trial_start_at=started_at,
            trial_end_at=world.clock.instant(last_day, 9 * HOUR),
            paused_from=None,
            paused_to=None,
            amount=world.chance.choice((99, 199, 299, 499)) * CENTS,
            interval="month",
            interval_count=1,
            quantity=1,
            currency_code=account.currency_code,
            account=account,
            start_day=last_day,
            yearly_churn=0.0,
            renews_itself=True,
        )
        account.subscriptions.append(trial)
        world.save("subscription", trial)
        world.plan(last_day, partial(self._decide_trial, trial))

    def _decide_trial(self, trial: Subscription) -> None:
        world = self._world
        if world.happens(0.42):
            trial.status = "active"
            self._run(trial)
            return
        trial.status, trial.ended_at = "canceled", trial.trial_end_at
        trial.cancelled_at = trial.trial_end_at
        trial.account.subscriptions.remove(trial)
        world.save("subscription", trial)

    # ---- invoices

    def _bill(self, subscription: Subscription) -> None:
        world = self._world
        if world.day < world.start_day - BILLING_HISTORY_DAYS:
            return
        invoice = Invoice(
            invoice_id=world.new_id("inv", 5),
            customer_id=subscription.customer_id,
            subscription_id=subscription.subscription_id,
            issued_at=world.clock.instant(world.day, 6 * HOUR),
            paid_at=None,
            amount=subscription.amount,
            currency_code=subscription.currency_code,
            status="open",
        )
        world.save("invoice", invoice)
        self._plan_payment(invoice, subscription)

    def _plan_payment(self, invoice: Invoice, subscription: Subscription) -> None:
        """Most pay in time, some late, a few never; now and then an invoice was a mistake."""
        world = self._world
        draw = world.chance.random()
        if draw < 0.90:
            world.plan(world.day + world.chance.randint(0, _PAST_DUE_DAYS), partial(self._pay, invoice, subscription))
            return
        if draw < 0.915:
            world.plan(world.day + 2, partial(self._write_off, invoice, "void"))
            return
        world.plan(world.day + _PAST_DUE_DAYS + 1, partial(self._remind, subscription))
        if draw < 0.985:
            world.plan(world.day + world.chance.randint(33, 70), partial(self._pay, invoice, subscription))
        else:
            world.plan(world.day + 80, partial(self._give_up, invoice, subscription))

    def _pay(self, invoice: Invoice, subscription: Subscription) -> None:
        invoice.paid_at, invoice.status = self._world.now(), "paid"
        self._world.save("invoice", invoice)
        self._set_status(subscription, "past_due", "active")

    def _remind(self, subscription: Subscription) -> None:
        self._set_status(subscription, "active", "past_due")

    def _give_up(self, invoice: Invoice, subscription: Subscription) -> None:
        self._write_off(invoice, "uncollectible")
        self._end(subscription, self._world.day)

    def _write_off(self, invoice: Invoice, status: str) -> None:
        invoice.status = status
        self._world.save("invoice", invoice)

    def _set_status(self, subscription: Subscription, before: str, after: str) -> None:
        if subscription.status == before:
            subscription.status = after
            self._world.save("subscription", subscription)

    # ---- health

    def _plan_health(self, account: Account) -> None:
        first = max(self._world.day, self._world.start_day - HEALTH_HISTORY_DAYS)
        delay = self._world.chance.randrange(HEALTH_EVERY_DAYS)
        self._world.plan(first + delay, partial(self._measure_health, account))

    def _measure_health(self, account: Account) -> None:
        """Usage tells how likely a customer is to stay, with some noise."""
        world = self._world
        running = [subscription for subscription in account.subscriptions if not subscription.is_over]
        if not running:
            return
        churn = max(subscription.yearly_churn for subscription in running)
        score = min(99.0, max(1.0, world.chance.gauss(86.0 - 70.0 * churn, 9.0)))
        health = HealthScore(
            account_id=account.account_id,
            measured_at=world.clock.instant(world.day, 5 * HOUR),
            score=round(score * 10) * SCORE_UNIT // 10,
            source="product_usage",
        )
        world.save("customer_health", health)
        world.plan(world.day + HEALTH_EVERY_DAYS, partial(self._measure_health, account))
