"""The sales process: deals are opened, wait in stages, move on, back or out, and end won or lost."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from ingestion.demo_company.accounts import Accounts
from ingestion.demo_company.business_objects import CENTS, Account, ContactRole, Opportunity, Person, Subscription, User
from ingestion.demo_company.calendar import (
    FiscalQuarter,
    fiscal_quarter,
    is_business_day,
    month_end,
    next_business_day,
)
from ingestion.demo_company.habits import Habits, is_stuck
from ingestion.demo_company.profile import (
    BACKDATED_QUARTER,
    CLOSED_LOST,
    CLOSED_WON,
    CUSTOMER,
    FAVOURED_LOSS,
    FAVOURED_SOURCE,
    HANDED_OVER,
    NEGOTIATION,
    NEW_BUSINESS,
    PIPELINES,
    RENAMES,
    SEGMENT,
    STALL_FACTOR,
    TOO_HIGH_SEGMENT,
    TOO_HIGH_STAGES,
    Pipeline,
    Stage,
)
from ingestion.demo_company.staff import Staff
from ingestion.demo_company.world import World

Outcome = Literal["on", "skip", "back", "lost"]
OnDeal = Callable[[Opportunity], None]

MILLION = 1_000_000
_LOSS_REASONS = ("No decision", "No decision", "Price", "Competitor", "Missing feature", "No budget", "Timing")
_ROLES = ("Decision Maker", "Champion", "Economic Buyer", "Evaluator", "User")
_OUTBOUND_SOURCES = ("Outbound", "Outbound", "Outbound", "Referral", "Partner")


def backdated_quarter(start_day: int) -> FiscalQuarter:
    """The quarter in whose first month wins are dated back, for a company that can be asked from `start_day` on."""
    quarter = fiscal_quarter(start_day)
    for _ in range(BACKDATED_QUARTER):
        quarter = fiscal_quarter(quarter.last_day + 1)
    return quarter


class Sales:
    """All deals, oldest first; other departments are told when one is won, lost or taken back."""

    def __init__(self, world: World, staff: Staff, accounts: Accounts) -> None:
        self._world = world
        self._staff = staff
        self._accounts = accounts
        self.habits = Habits(world, staff)
        self.open_deals: list[Opportunity] = []
        self.closed_deals: list[Opportunity] = []
        self.handed_over: list[Opportunity] = []  # to an account manager, after they were won
        self.on_won: list[OnDeal] = []
        self.on_lost: list[OnDeal] = []
        self.on_reversed: list[OnDeal] = []
        staff.on_leave.append(self._hand_over)

    def live(self) -> None:
        """One day: reps prospect, and now and then an admin renames a stage."""
        world = self._world
        if is_business_day(world.day):
            for _ in range(world.how_many(world.trend(2.6, 4.2, 5.6))):
                account = None if world.happens(0.26) else self._accounts.pick_prospect(world.happens(0.1))
                self.open_new_business(account or self._accounts.add(), world.chance.choice(_OUTBOUND_SOURCES))
        for rename in RENAMES:
            if world.day == world.start_day + rename.day_offset:
                self._relabel(PIPELINES[rename.pipeline])

    # ---- a deal begins

    def open_new_business(self, account: Account, lead_source: str, campaign_id: str | None = None) -> Opportunity:
        """A company that pays nothing yet may buy."""
        segment = SEGMENT[account.size]
        value = round(self._world.around(segment.yearly_value, segment.value_spread) / 10) * 10 * CENTS
        deal = self._draft(
            account, NEW_BUSINESS, "new_business", value, lead_source=lead_source, campaign_id=campaign_id
        )
        if account.size == "SMB" and self._world.happens(0.012):
            self._admit(deal, NEW_BUSINESS.stages[0])
            self.close(deal, is_won=True)  # a walk-in: created and won on one day
            return deal
        return self._start(deal)

    def open_expansion(self, subscription: Subscription, value: int, lead: Person | None = None) -> Opportunity:
        """A customer may buy more, sometimes because a lead came from there."""
        deal = self._draft(
            subscription.account,
            CUSTOMER,
            "expansion",
            value,
            lead_source=lead.lead_source if lead else "Customer Success",
            campaign_id=lead.campaign_id if lead else None,
            subscription=subscription,
        )
        return self._start(deal)

    def open_renewal(self, subscription: Subscription, value: int, term_end: int) -> Opportunity:
        """A yearly subscription comes to its end, and the customer will stay or leave."""
        deal = self._draft(
            subscription.account,
            CUSTOMER,
            "renewal",
            value,
            lead_source="Customer Success",
            subscription=subscription,
            term_end=term_end,
        )
        return self._start(deal)

    def open_copy(self, original: Opportunity) -> Opportunity:
        """Somebody enters a deal that is there already."""
        copy = self._draft(
            original.account,
            PIPELINES[original.pipeline],
            original.opportunity_type,
            original.value,
            lead_source="Outbound",
        )
        copy.opportunity_name = f"{original.opportunity_name} (copy)"
        return self._start(copy)

    def _draft(
        self,
        account: Account,
        pipeline: Pipeline,
        opportunity_type: str,
        value: int,
        *,
        lead_source: str,
        campaign_id: str | None = None,
        subscription: Subscription | None = None,
        term_end: int | None = None,
    ) -> Opportunity:
        """A deal as a rep enters it today, before it has a stage; its amount, in cents, may still be empty."""
        world = self._world
        is_amount_known = pipeline is CUSTOMER or world.happens(0.86)
        deal = Opportunity(
            opportunity_id=world.new_id("opp", 5),
            account_id=account.account_id,
            opportunity_name=f"{account.account_name} - {opportunity_type.replace('_', ' ').title()}",
            opportunity_type=opportunity_type,
            pipeline=pipeline.name,
            stage="",
            amount=value if is_amount_known else None,
            currency_code=subscription.currency_code if subscription else account.currency_code,
            close_date=None,
            created_at=world.now(),
            owner_id=account.owner_id,
            forecast_category="",
            probability=0,
            lead_source=lead_source,
            campaign_id=campaign_id,
            next_step=None,
            account=account,
            value=value,
            interest=world.chance.random(),
            subscription=subscription,
            term_end=term_end,
        )
        deal.close_date = self.habits.first_close_date(deal)
        return deal

    def _start(self, deal: Opportunity) -> Opportunity:
        """Put a new deal into its first stage."""
        self._admit(deal, PIPELINES[deal.pipeline].stages[0])
        self._enter(deal, 0)
        self.habits.begin(deal)
        return deal

    def _admit(self, deal: Opportunity, first_stage: Stage) -> None:
        """The deal exists from now on, in its account and in the list of open ones, with its first contacts."""
        deal.account.open_deals.append(deal)
        self.open_deals.append(deal)
        deal.stage = first_stage.name
        self._involve(deal, self._world.chance.choice((0, 0, 1)))

    def bring_in(self, deal: Opportunity, person: Person) -> None:
        """A lead becomes part of a deal."""
        deal.leads.append(person)
        self._add_role(deal, person)

    # ---- a deal moves

    def _enter(self, deal: Opportunity, step: int) -> None:
        world = self._world
        stage = PIPELINES[deal.pipeline].stages[step]
        deal.step = step
        deal.stage = self._label(deal)
        deal.probability = self._probability(stage)
        deal.forecast_category = stage.forecast_category
        if stage.name == NEGOTIATION and world.happens(0.2):
            deal.forecast_category = "Best Case"
        if deal.account.size == TOO_HIGH_SEGMENT and stage.name in TOO_HIGH_STAGES:
            deal.forecast_category = "Commit"
        deal.next_step = self.habits.next_step(deal)
        self._reprice(deal, stage)
        self.habits.revise_close_date(deal)
        if step >= 2 and world.happens(0.15):
            self._involve(deal, 1)
        world.save("opportunity", deal)
        self._plan_exit(deal)

    def _plan_exit(self, deal: Opportunity) -> None:
        world = self._world
        outcome = self._outcome(deal)
        day = world.day + self._days_in_stage(deal, outcome)
        if world.happens(0.96):
            day = next_business_day(day)
        if outcome == "on" and deal.step == len(PIPELINES[deal.pipeline].stages) - 1 and not deal.is_renewal:
            day = self._rush(day)
        deal.plan += 1
        world.plan(day, partial(self._leave_stage, deal, deal.plan, outcome))

    def _leave_stage(self, deal: Opportunity, plan: int, outcome: Outcome) -> None:
        if deal.plan != plan:
            return
        step = deal.step + {"on": 1, "skip": 2, "back": -1, "lost": 0}[outcome]
        if outcome == "lost":
            self.close(deal, is_won=False)
        elif step == len(PIPELINES[deal.pipeline].stages):
            self.close(deal, is_won=True)
        else:
            self._enter(deal, step)

    def _outcome(self, deal: Opportunity) -> Outcome:
        stages = PIPELINES[deal.pipeline].stages
        loss = stages[deal.step].loss * SEGMENT[deal.account.size].caution * (1.6 - 1.2 * deal.interest)
        if deal.lead_source == FAVOURED_SOURCE:
            loss *= FAVOURED_LOSS
        if deal.is_renewal:
            is_last = deal.step == len(stages) - 1
            loss = deal.subscription.yearly_churn if deal.subscription and is_last else 0.0
        draw = self._world.chance.random()
        if draw < loss:
            return "lost"
        if deal.step > 0 and draw > 0.95:
            return "back"
        if deal.step < len(stages) - 2 and draw > 0.89:
            return "skip"
        return "on"

    def _days_in_stage(self, deal: Opportunity, outcome: Outcome) -> int:
        world = self._world
        if deal.term_end is not None:
            share = (0.4, 0.5, 0.8)[deal.step]  # decided some days before the term ends, rarely after it
            return max(2, round((deal.term_end - world.day) * world.around(share, 0.2)))
        median = PIPELINES[deal.pipeline].stages[deal.step].median_days * SEGMENT[deal.account.size].pace
        median *= 1.35 - 0.7 * deal.interest
        if outcome == "lost":
            median *= 1.35
        if is_stuck(deal):
            median *= STALL_FACTOR
        return max(1, round(world.around(median, 0.6)))

    def _rush(self, day: int) -> int:
        """Signatures that are due around the end of a quarter tend to come in its last days."""
        world = self._world
        quarter = fiscal_quarter(day)
        last_days = quarter.last_day
        if day - quarter.first_day < 14 and world.happens(0.5):
            last_days = quarter.first_day - 1
        elif quarter.last_day - day >= 25 or world.happens(0.6):
            return day
        rushed = last_days - int(world.chance.expovariate(0.6))
        return rushed if rushed > world.day else day

    def _reprice(self, deal: Opportunity, stage: Stage) -> None:
        """Proposals make the price concrete, negotiations lower it."""
        world = self._world
        factor = 1.0
        if stage.name == "Proposal" and not deal.is_renewal and world.happens(0.5):
            factor = world.around(1.0, 0.16)
        elif stage.name == NEGOTIATION and world.happens(0.4):
            factor = world.chance.uniform(0.8, 0.98)
        deal.value = max(CENTS, round(deal.value * factor / CENTS) * CENTS) if factor != 1.0 else deal.value
        if deal.amount is not None or deal.step > 0:
            deal.amount = deal.value

    def _probability(self, stage: Stage) -> int:
        """The stage's own probability, overruled by a few reps."""
        doubt = self._world.chance.choice((-0.1, 0.1)) if self._world.happens(0.05) else 0.0
        return round(max(0.05, stage.probability + doubt) * MILLION)

    # ---- a deal ends, and may begin again

    def close(self, deal: Opportunity, *, is_won: bool) -> None:
        """Win or lose a deal today."""
        deal.is_open = False
        self.halt(deal)
        deal.stage = CLOSED_WON if is_won else CLOSED_LOST
        deal.probability = MILLION if is_won else 0
        deal.forecast_category = "Closed" if is_won else "Omitted"
        deal.close_date = self._signed_on(deal, is_won)
        deal.next_step = None
        deal.loss_reason = None if is_won else self._world.chance.choice(_LOSS_REASONS)
        if is_won:
            deal.amount = deal.value
        self.closed_deals.append(deal)
        self._world.save("opportunity", deal)
        if is_won and deal.opportunity_type == "new_business":
            self._move_rivals(deal)
            self._plan_hand_over(deal)
        for tell in self.on_won if is_won else self.on_lost:
            tell(deal)

    def _signed_on(self, deal: Opportunity, is_won: bool) -> int:
        """The close date is today's. In one month first purchases won count for the quarter before."""
        day = self._world.day
        quarter = backdated_quarter(self._world.start_day)
        is_backdated = is_won and quarter.first_day <= day <= month_end(quarter.first_day)
        created = self._world.clock.day_of(deal.created_at)
        return max(quarter.first_day - 1, created) if is_backdated and not deal.is_renewal else day

    def halt(self, deal: Opportunity) -> None:
        """Stop all that is planned for a deal and take it off the list of open ones."""
        deal.plan += 1
        deal.life += 1
        if deal in deal.account.open_deals:
            deal.account.open_deals.remove(deal)
            self.open_deals.remove(deal)

    def resume(self, deal: Opportunity) -> None:
        """Go on with an open deal where it was halted."""
        deal.account.open_deals.append(deal)
        self.open_deals.append(deal)
        deal.stage = self._label(deal)
        self._world.save("opportunity", deal)
        self._plan_exit(deal)
        self.habits.begin(deal)

    def reopen(self, deal: Opportunity, step: int) -> None:
        """A closed deal is open again."""
        was_won = deal.stage == CLOSED_WON
        self.closed_deals.remove(deal)
        deal.is_open = True
        deal.loss_reason = None
        deal.account.open_deals.append(deal)
        self.open_deals.append(deal)
        deal.close_date = self.habits.first_close_date(deal)
        self._enter(deal, step)
        self.habits.begin(deal)
        if was_won:
            for tell in self.on_reversed:
                tell(deal)

    def _move_rivals(self, won: Opportunity) -> None:
        """Other first purchases of a company that has now bought become expansions, in the other pipeline."""
        for deal in list(won.account.open_deals):
            if deal.opportunity_type == "new_business":
                deal.pipeline, deal.opportunity_type = CUSTOMER.name, "expansion"
                self._enter(deal, 0)

    # ---- names, owners, contacts

    def _label(self, deal: Opportunity) -> str:
        """What the CRM calls a deal's stage today."""
        stage = PIPELINES[deal.pipeline].stages[deal.step].name
        for rename in RENAMES:
            is_done = self._world.day >= self._world.start_day + rename.day_offset
            if is_done and (deal.pipeline, stage) == (rename.pipeline, rename.stage):
                return rename.new_label
        return stage

    def _relabel(self, pipeline: Pipeline) -> None:
        for deal in self.open_deals:
            if deal.pipeline == pipeline.name and deal.stage != self._label(deal):
                deal.stage = self._label(deal)
                self._world.save("opportunity", deal)

    def _plan_hand_over(self, won: Opportunity) -> None:
        """Some days after it was won, a deal may go to the account manager, who has the account by then."""
        chance = self._world.chance_of(won.opportunity_id)
        if chance.random() < HANDED_OVER:
            self._world.plan(self._world.day + chance.randint(3, 20), partial(self._give_to_account_manager, won))

    def _give_to_account_manager(self, won: Opportunity) -> None:
        if won.stage == CLOSED_WON and not won.is_deleted and won.owner_id != won.account.owner_id:
            won.owner_id = won.account.owner_id
            self.handed_over.append(won)
            self._world.save("opportunity", won)

    def _hand_over(self, leaver: User) -> None:
        for deal in self.open_deals:
            if deal.owner_id == leaver.user_id:
                deal.owner_id = self._staff.successor(leaver).user_id
                self._world.save("opportunity", deal)

    def _involve(self, deal: Opportunity, number: int) -> None:
        """Contacts of the account take part in the deal."""
        involved = {role.person_id for role in deal.roles}
        others = [person for person in deal.account.contacts if person.person_id not in involved]
        for person in self._world.chance.sample(others, min(number, len(others))):
            self._add_role(deal, person)

    def _add_role(self, deal: Opportunity, person: Person) -> None:
        if any(role.person_id == person.person_id for role in deal.roles):
            return
        role = ContactRole(
            opportunity_id=deal.opportunity_id,
            person_id=person.person_id,
            role=self._world.chance.choice(_ROLES),
            is_primary=not deal.roles,
        )
        deal.roles.append(role)
        self._world.save("opportunity_contact_role", role)
