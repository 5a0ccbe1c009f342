"""What salespeople do with an open deal between its stages: activities, next steps, and the dates they promise."""

from functools import partial

from ingestion.demo_company.business_objects import CENTS, Activity, Opportunity
from ingestion.demo_company.calendar import fiscal_quarter, month_end, next_business_day
from ingestion.demo_company.profile import NEGOTIATION, PIPELINES, SEGMENT, STALLING_SEGMENT
from ingestion.demo_company.staff import Staff
from ingestion.demo_company.world import World

_ACTIVITY_TYPES = ("email", "email", "call", "call", "meeting", "demo")


def is_stuck(deal: Opportunity) -> bool:
    """In the stage where deals of the planted segment stay too long."""
    stage = PIPELINES[deal.pipeline].stages[deal.step]
    return deal.account.size == STALLING_SEGMENT and stage.name == NEGOTIATION and not deal.is_renewal


class Habits:
    """The daily work on open deals. It ends by itself when a deal's `life` moves on."""

    def __init__(self, world: World, staff: Staff) -> None:
        self._world = world
        self._staff = staff

    def begin(self, deal: Opportunity) -> None:
        """Start to work on a deal that was opened, reopened or restored."""
        self._plan_activity(deal)
        self._plan_due_date(deal)

    def first_close_date(self, deal: Opportunity) -> int | None:
        """What the rep promises at the beginning; a few promise nothing yet."""
        world = self._world
        if deal.term_end is not None:
            return deal.term_end
        if world.happens(0.012):
            return None
        days = SEGMENT[deal.account.size].cycle_days * (0.5 if self._is_pusher(deal) else 0.75)
        if deal.opportunity_type == "expansion":
            days *= 0.6
        return self._promise(world.around(days, 0.35))

    def next_step(self, deal: Opportunity) -> str | None:
        """The text a rep leaves behind when a stage begins, if any."""
        missing = 0.45 if is_stuck(deal) else 0.13
        if self._world.happens(missing):
            return None
        return self._world.chance.choice(PIPELINES[deal.pipeline].stages[deal.step].next_steps)

    def revise_close_date(self, deal: Opportunity) -> None:
        """At the beginning of a stage: a missing date is filled, and near the end dates become realistic."""
        world = self._world
        if deal.close_date is None and deal.step > 0:
            self._set_close_date(deal, self._promise(world.around(40, 0.4)))
        elif PIPELINES[deal.pipeline].stages[deal.step].name == NEGOTIATION and not deal.is_renewal:
            pace = SEGMENT[deal.account.size].pace
            if not self._is_pusher(deal) and world.happens(0.6):
                self._set_close_date(deal, self._promise(world.around(15 * pace, 0.45)))

    def _is_pusher(self, deal: Opportunity) -> bool:
        return deal.owner_id == self._staff.pusher_id

    def _promise(self, days: float) -> int:
        """A close date some days ahead; many fall on the last day of a month or quarter."""
        day = self._world.day + max(1, round(days))
        draw = self._world.chance.random()
        if draw < 0.22 and fiscal_quarter(day).last_day - day < 45:
            return fiscal_quarter(day).last_day
        return month_end(day) if draw < 0.45 else next_business_day(day)

    def _set_close_date(self, deal: Opportunity, close_date: int) -> None:
        deal.close_date = close_date
        self._plan_due_date(deal)

    def _plan_activity(self, deal: Opportunity) -> None:
        world = self._world
        mean_days = (11.0 - 7.0 * deal.interest) * (2.5 if is_stuck(deal) else 1.0)
        day = world.day + 1 + int(world.chance.expovariate(1.0 / mean_days))
        if world.happens(0.95):
            day = next_business_day(day)
        world.plan(day, partial(self._act, deal, deal.life))

    def _act(self, deal: Opportunity, life: int) -> None:
        """Do something for a deal today, unless it has been closed or reopened since this was planned."""
        world = self._world
        if deal.life != life:
            return
        moment = world.now()
        person = world.chance.choice(deal.roles).person_id if deal.roles else None
        world.log(
            "activity",
            Activity(
                activity_id=world.new_id("act", 6),
                opportunity_id=deal.opportunity_id,
                person_id=person,
                owner_id=deal.owner_id,
                activity_type=world.chance.choice(_ACTIVITY_TYPES),
                occurred_at=moment,
            ),
        )
        deal.last_activity_at = moment
        if world.happens(0.2):
            deal.next_step = self.next_step(deal)
        if world.happens(0.03) and deal.amount is not None:
            deal.value = max(CENTS, round(deal.value * world.chance.uniform(0.85, 1.2) / CENTS) * CENTS)
            deal.amount = deal.value
        if self._is_pusher(deal) and world.happens(0.12):
            self._push(deal)
        world.save("opportunity", deal)
        self._plan_activity(deal)

    def _plan_due_date(self, deal: Opportunity) -> None:
        """Reps look at a date shortly before it passes or some days after; the planted one always before."""
        world = self._world
        if deal.close_date is None:
            return
        late = -4 if self._is_pusher(deal) else world.chance.choice((-2, -1, 0, 0, 1, 2, 4, 7, 15))
        day = max(deal.close_date + late, world.day + 1)
        world.plan(day, partial(self._review_due_date, deal, deal.life, deal.close_date))

    def _review_due_date(self, deal: Opportunity, life: int, close_date: int) -> None:
        world = self._world
        if deal.life != life or deal.close_date != close_date:
            return
        if world.happens(0.2) and not self._is_pusher(deal):
            world.plan(world.day + world.chance.randint(8, 35), partial(self._review_due_date, deal, life, close_date))
            return
        self._push(deal)
        world.save("opportunity", deal)

    def _push(self, deal: Opportunity) -> None:
        world = self._world
        if deal.is_renewal:
            later = world.day + world.chance.randint(5, 15)
        else:
            later = self._promise(world.around(22 if self._is_pusher(deal) else 30, 0.45))
        self._set_close_date(deal, max(later, (deal.close_date or 0) + 3))
