"""What kind of company the demo is: segments, sales process, teams, channels, and what was planted in it.

Pure constants. The governed definitions in `home` are written from the same stages and segments.
"""

from dataclasses import dataclass

HISTORY_DAYS = 420  # how long the company has lived before its sources can first be asked
OUTAGE_OFFSETS = (137, 362)  # days after the start on which its systems are down
BILLING_HISTORY_DAYS = 75  # the billing system was introduced that long before the start
HEALTH_HISTORY_DAYS = 60
HEALTH_EVERY_DAYS = 91
RECYCLE_BIN_DAYS = 15


@dataclass(frozen=True)
class Segment:
    """A market segment: its share of accounts, their size, what they pay a year and how they buy."""

    name: str
    share: float
    employees: tuple[int, int]
    yearly_value: int  # median, in units of currency
    value_spread: float
    pace: float  # multiplies time in stage
    caution: float  # multiplies the chance to lose at each stage
    yearly_churn: float
    billing: tuple[float, float, float]  # shares of yearly, monthly and quarterly subscriptions
    cycle_days: int  # what reps expect from creation to close
    definition: str


SEGMENTS = (
    Segment(
        "Enterprise", 0.16, (1_000, 18_000), 62_000, 0.55, 1.35, 1.10, 0.08, (0.92, 0.0, 0.08), 105,
        "Companies with 1,000 employees or more.",
    ),
    Segment(
        "Mid-Market", 0.32, (200, 999), 24_000, 0.50, 1.00, 1.00, 0.13, (0.78, 0.07, 0.15), 75,
        "Companies with 200 to 999 employees.",
    ),
    Segment(
        "SMB", 0.44, (8, 199), 7_200, 0.50, 0.65, 0.95, 0.22, (0.60, 0.28, 0.12), 45,
        "Companies with fewer than 200 employees.",
    ),
    Segment(
        "Public Sector", 0.08, (80, 6_000), 36_000, 0.50, 1.30, 1.05, 0.06, (1.0, 0.0, 0.0), 110,
        "Authorities, schools and public agencies of any size. No target yet: the team is being built.",
    ),
)  # fmt: skip
SEGMENT = {segment.name: segment for segment in SEGMENTS}
UNTARGETED_SEGMENT = "Public Sector"


@dataclass(frozen=True)
class Stage:
    """An open stage of a pipeline: where deals wait, for how long, and how many are lost there."""

    name: str
    probability: float
    forecast_category: str
    median_days: float
    loss: float
    next_steps: tuple[str, ...]
    exit_criteria: str
    definition: str


@dataclass(frozen=True)
class Pipeline:
    """A sales process: its open stages in order; won and lost follow."""

    name: str
    stages: tuple[Stage, ...]
    definition: str


NEGOTIATION = "Negotiation"
CLOSED_WON = "Closed Won"
CLOSED_LOST = "Closed Lost"

NEW_BUSINESS = Pipeline(
    "New Business",
    (
        Stage(
            "Qualification", 0.05, "Pipeline", 11, 0.27,
            ("Book discovery call", "Confirm budget owner", "Send intro deck"),
            "A named problem, a budget owner and a first meeting held.",
            "We are finding out whether there is a problem that we solve.",
        ),
        Stage(
            "Discovery", 0.15, "Pipeline", 17, 0.29,
            ("Map stakeholders", "Schedule demo", "Share discovery notes"),
            "Stakeholders mapped; success criteria agreed in writing.",
            "We learn how the buyer works and what a solution is worth.",
        ),
        Stage(
            "Evaluation", 0.30, "Pipeline", 22, 0.30,
            ("Run proof of concept", "Security questionnaire", "Demo to wider team"),
            "The buyer's evaluator says that the product meets the criteria.",
            "The buyer tests the product against agreed criteria.",
        ),
        Stage(
            "Proposal", 0.45, "Best Case", 16, 0.33,
            ("Walk through proposal", "Send order form draft", "Meet economic buyer"),
            "The economic buyer has answered to a written proposal.",
            "A written proposal with price and scope is with the buyer.",
        ),
        Stage(
            NEGOTIATION, 0.70, "Commit", 17, 0.34,
            ("Redline with legal", "Procurement call", "Get signature"),
            "Contract signed.",
            "Terms, procurement and legal review.",
        ),
    ),
    "First purchase of a company.",
)  # fmt: skip

CUSTOMER = Pipeline(
    "Customer",
    (
        Stage(
            "Identified", 0.25, "Pipeline", 22, 0.29,
            ("Usage review with customer", "Find sponsor"),
            "The sponsor agrees to look at an offer.",
            "A renewal is due or a need for more was found.",
        ),
        Stage(
            "Proposal", 0.50, "Best Case", 18, 0.32,
            ("Send renewal quote", "Align on seat count"),
            "The sponsor has answered to a written offer.",
            "A written offer is with the customer.",
        ),
        Stage(
            NEGOTIATION, 0.80, "Commit", 16, 0.31,
            ("Agree terms", "Chase signature"),
            "Contract signed.",
            "Terms are being agreed.",
        ),
    ),
    "Renewals and expansions of customers.",
)  # fmt: skip
PIPELINES = {pipeline.name: pipeline for pipeline in (NEW_BUSINESS, CUSTOMER)}


@dataclass(frozen=True)
class Rename:
    """An admin gives a stage another label: the same stage by definition."""

    pipeline: str
    stage: str
    new_label: str
    day_offset: int


RENAMES = (
    Rename("New Business", "Evaluation", "Technical Validation", 262),
    Rename("Customer", "Identified", "Scoping", 401),
)


@dataclass(frozen=True)
class Team:
    """A team: who works in it at the beginning, and the segment it sells to."""

    name: str
    role: str
    members: int
    segment: str | None = None


ACCOUNT_EXECUTIVE = "Account Executive"
TEAMS = (
    Team("Enterprise", ACCOUNT_EXECUTIVE, 5, "Enterprise"),
    Team("Mid-Market", ACCOUNT_EXECUTIVE, 5, "Mid-Market"),
    Team("SMB", ACCOUNT_EXECUTIVE, 4, "SMB"),
    Team("Public Sector", ACCOUNT_EXECUTIVE, 2, "Public Sector"),
    Team("Account Management", "Account Manager", 5),
    Team("Sales Development", "Sales Development Rep", 5),
)
LEADERSHIP = "Leadership"


@dataclass(frozen=True)
class Channel:
    """A marketing channel: its share of campaigns, what one costs, how people touch it, how good its leads are."""

    name: str
    share: float
    cost: int
    touch_type: str
    quality: float


CHANNELS = (
    Channel("Paid Search", 0.22, 18_000, "ad_click", 0.95),
    Channel("Paid Social", 0.18, 14_000, "ad_click", 0.75),
    Channel("Webinar", 0.22, 6_000, "webinar_attended", 1.15),
    Channel("Event", 0.14, 38_000, "booth_visit", 1.20),
    Channel("Content", 0.14, 5_000, "content_download", 1.00),
    Channel("Partner", 0.10, 9_000, "partner_referral", 1.35),
)

# ---- planted: worth finding, and known to `truth`

STALLING_SEGMENT = "Mid-Market"
STALL_FACTOR = 3.5  # times as long in Negotiation
PUSHING_TEAM = "Enterprise"  # its first account executive moves close dates, again and again
GIVEAWAY_NAME = "Spring Gadget Giveaway"
GIVEAWAY_START_OFFSET = 95
GIVEAWAY_DAYS = 40
GIVEAWAY_LEADS_A_DAY = 12.0
RESTLESS_YEARLY_CHURN = 0.72  # of customers who first bought in the last full fiscal quarter before the start
LEAVERS_A_YEAR = 0.14  # of contacts: their mail bounces from then on
TITLE_CHANGES_A_YEAR = 0.09
DUPLICATES_A_DAY = 0.05  # accounts that are entered a second time in another spelling, with a contact
HANDED_OVER = 0.4  # of first purchases won, the owner changes some days later
TOO_HIGH_TEAM = "Enterprise"  # its manager submits more than the team will win, every quarter
TOO_HIGH_FACTOR = 1.6
TOO_HIGH_SEGMENT = "Mid-Market"  # its reps call deals Commit in stages that are too early for it
TOO_HIGH_STAGES = ("Evaluation", "Proposal")
BACKDATED_QUARTER = 4  # counted from the one of the start: in its first month wins get a date of the quarter before
LATE_ANSWER_HOURS = 24
LATE_ANSWER_FACTOR = 0.45  # of the chance that a lead is accepted, if it is answered later than that
SPARE_CHANNEL = "Podcast"  # paid for in every quarter, and nobody comes from it
SPARE_CAMPAIGN_COST = 21_000
TROUBLED_A_YEAR = 0.04  # of customers: tickets pile up before the end of a term, and most then leave
TROUBLED_CHURN = 0.85
FAVOURED_SOURCE = "Referral"  # its deals are lost less often at each stage, and win about twice as often
FAVOURED_LOSS = 0.55
LIST_DELAY_DAYS = 21  # marketing's list is that old when it comes
