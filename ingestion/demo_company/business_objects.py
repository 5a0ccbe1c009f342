"""The objects of the company's life. Fields up to the blank line are the canonical columns, in their order.

Money is in cents, probabilities in millionths, scores in ten-thousandths, `_at` in microseconds UTC, dates are
day numbers: the plain values that `records` stores. Fields below the blank line drive the simulation and never
leave it.
"""

from dataclasses import dataclass, field

CENTS = 100
SCORE_UNIT = 10_000


@dataclass(slots=True, eq=False)
class User:
    """An employee with a CRM seat."""

    user_id: str
    user_name: str
    role: str
    team: str
    manager_id: str | None
    region: str
    started_at: int
    ended_at: int | None = None
    is_active: bool = True


@dataclass(slots=True, eq=False)
class Account:
    """A company that is, was or may become a customer."""

    account_id: str
    account_name: str
    segment: str | None
    industry: str
    region: str
    employee_count: int | None
    parent_account_id: str | None
    owner_id: str
    website: str | None
    billing_customer_id: str | None
    is_target_account: bool
    created_at: int

    size: str = ""  # the true segment, known also where the CRM left it blank
    currency_code: str = "USD"
    contacts: list["Person"] = field(default_factory=list)
    open_deals: list["Opportunity"] = field(default_factory=list)
    subscriptions: list["Subscription"] = field(default_factory=list)
    first_customer_day: int | None = None
    is_restless: bool = False  # belongs to the cohort that churns


@dataclass(slots=True, eq=False)
class Customer:
    """An account as billing knows it."""

    customer_id: str
    customer_name: str
    account_id: str | None
    domain: str | None
    currency_code: str
    created_at: int


@dataclass(slots=True, eq=False)
class Person:
    """A lead or a contact."""

    person_id: str
    account_id: str | None
    full_name: str
    email: str
    phone: str | None
    title: str
    lead_source: str
    lead_score: int
    status: str
    owner_id: str | None
    created_at: int
    mql_at: int | None = None
    sal_at: int | None = None
    sql_at: int | None = None
    first_response_at: int | None = None
    converted_opportunity_id: str | None = None
    record_type: str = "contact"
    converted_person_id: str | None = None  # a lead becomes a contact under its own id
    merged_into_person_id: str | None = None
    is_email_bounced: bool = False

    account: Account | None = None
    campaign_id: str | None = None

    # What else is made where the ledger is written, of millions of rows: here once for each version.

    @property
    def has_email(self) -> bool:
        """Everybody has an address."""
        return True

    @property
    def is_email_well_formed(self) -> bool:
        """And it is one."""
        return True

    @property
    def email_domain(self) -> str | None:
        """That of the address, unless a word of the person's name is in it."""
        domain = self.email.lower().split("@")[1]
        words = self.full_name.lower().split()
        is_own = any(word in domain if len(word) > 3 else domain.startswith(f"{word}.") for word in words)
        return None if is_own else domain

    @property
    def has_phone(self) -> bool:
        """Not everybody gives their number."""
        return self.phone is not None


@dataclass(slots=True, eq=False)
class Campaign:
    """A marketing campaign."""

    campaign_id: str
    campaign_name: str
    channel: str
    cost: int
    currency_code: str
    start_date: int
    end_date: int

    is_giveaway: bool = False


@dataclass(slots=True, eq=False)
class ContactRole:
    """A person's part in an opportunity."""

    opportunity_id: str
    person_id: str
    role: str
    is_primary: bool


@dataclass(slots=True, eq=False)
class Opportunity:
    """A deal, from its creation to its end and sometimes beyond."""

    opportunity_id: str
    account_id: str
    opportunity_name: str
    opportunity_type: str
    pipeline: str
    stage: str
    amount: int | None
    currency_code: str
    close_date: int | None
    created_at: int
    owner_id: str
    forecast_category: str
    probability: int
    lead_source: str | None
    campaign_id: str | None
    next_step: str | None
    last_activity_at: int | None = None
    loss_reason: str | None = None
    is_deleted: bool = False
    merged_into_opportunity_id: str | None = None

    account: Account = field(kw_only=True)
    value: int = field(kw_only=True)  # what the deal is worth, also while the amount is still empty
    interest: float = field(kw_only=True)  # 0 to 1: how much the buyer wants it
    subscription: "Subscription | None" = field(default=None, kw_only=True)  # renewed, expanded or begun by it
    term_end: int | None = field(default=None, kw_only=True)  # renewals: last day of the running term
    step: int = 0  # position in the pipeline's open stages
    is_open: bool = True
    is_purged: bool = False
    is_merge_target: bool = False
    plan: int = 0  # counts plans for the stage: one that is outdated does nothing
    life: int = 0  # counts openings: the rep's habits end with each
    roles: list[ContactRole] = field(default_factory=list)
    leads: list[Person] = field(default_factory=list)  # who became contacts through it

    @property
    def expected_revenue(self) -> int | None:
        """What the CRM expects of it, in cents: the amount times the probability."""
        return None if self.amount is None else round(self.amount * self.probability / 1_000_000)

    @property
    def is_renewal(self) -> bool:
        """Renewals run towards the end of a term."""
        return self.term_end is not None


@dataclass(slots=True, eq=False)
class Subscription:
    """What a customer pays for, and how often."""

    subscription_id: str
    customer_id: str
    account_id: str
    status: str
    started_at: int
    ended_at: int | None
    cancelled_at: int | None
    trial_start_at: int | None
    trial_end_at: int | None
    paused_from: int | None
    paused_to: int | None
    amount: int
    interval: str
    interval_count: int
    quantity: int
    currency_code: str

    account: Account = field(kw_only=True)
    start_day: int = field(kw_only=True)
    yearly_churn: float = field(kw_only=True)
    renews_itself: bool = field(kw_only=True)  # no renewal deal, and the customer leaves when it wants to

    @property
    def months(self) -> int:
        """Length of a billing interval in months."""
        return self.interval_count * (12 if self.interval == "year" else 1)

    @property
    def list_amount(self) -> int:
        """Its price before the tenth that is taken off for paying a year at once, in cents."""
        return self.amount * 10 // 9 if self.months == 12 else self.amount

    @property
    def yearly_value(self) -> int:
        """What it brings in a year, in cents."""
        return self.amount * 12 // self.months

    @property
    def is_running(self) -> bool:
        """A paid subscription without a known end."""
        return not self.is_over and self.status != "trialing"

    @property
    def is_over(self) -> bool:
        """Cancelled, or about to end at a known moment."""
        return self.ended_at is not None


@dataclass(slots=True, eq=False)
class Invoice:
    """A bill for one interval of a subscription."""

    invoice_id: str
    customer_id: str
    subscription_id: str
    issued_at: int
    paid_at: int | None
    amount: int
    currency_code: str
    status: str


@dataclass(slots=True, eq=False)
class HealthScore:
    """How well a customer does, measured once."""

    account_id: str
    measured_at: int
    score: int
    source: str


@dataclass(slots=True, eq=False)
class Activity:
    """Something a salesperson did."""

    activity_id: str
    opportunity_id: str | None
    person_id: str | None
    owner_id: str | None
    activity_type: str
    occurred_at: int


@dataclass(slots=True, eq=False)
class Touch:
    """A person's contact with marketing."""

    touch_id: str
    person_id: str
    campaign_id: str | None
    touch_type: str
    touched_at: int


@dataclass(slots=True, eq=False)
class ForecastSubmission:
    """What the manager of a team calls for a quarter, in one category; it is called anew every week."""

    submission_id: str
    owner_id: str
    team: str
    period_start_date: int
    period_end_date: int
    forecast_category: str
    amount: int
    currency_code: str
    submitted_at: int


@dataclass(slots=True, eq=False)
class Quota:
    """What somebody is to win in a quarter."""

    quota_id: str
    owner_id: str
    team: str
    period_start_date: int
    period_end_date: int
    quota_amount: int
    currency_code: str


@dataclass(slots=True, eq=False)
class Ticket:
    """A customer asks support."""

    ticket_id: str
    account_id: str
    opened_at: int
    closed_at: int | None
    severity: str


@dataclass(slots=True, eq=False)
class ListLine:
    """One line of a team's own list of the pipeline."""

    list_id: str
    line_number: int
    team: str
    as_of: int
    opportunity_id: str
    opportunity_name: str
    account_name: str
    amount: int | None
    currency_code: str
    close_date: int | None
    fiscal_quarter: str
