"""What happens to records in a real CRM: deleted, restored, entered twice, merged, reopened, corrected."""

from functools import partial

from ingestion.demo_company.business_objects import Opportunity
from ingestion.demo_company.profile import CLOSED_LOST, CLOSED_WON, PIPELINES, RECYCLE_BIN_DAYS
from ingestion.demo_company.sales import Sales
from ingestion.demo_company.world import World

_DELETIONS_A_DAY = 0.20
_CLOSED_DELETIONS_A_DAY = 0.03
_COPIES_A_DAY = 0.10
_REOPENINGS_A_DAY = 0.12
_REVERSALS_A_DAY = 0.05
_CURRENCY_CORRECTIONS_A_DAY = 0.04
_RECENT = 120  # closed deals that somebody may still touch


class Mishaps:
    """Random corrections and accidents. Renewals are spared: they follow their subscription."""

    def __init__(self, world: World, sales: Sales) -> None:
        self._world = world
        self._sales = sales

    def live(self) -> None:
        """One day: some deals are deleted, entered twice, reopened, or get another currency."""
        recent = self._sales.closed_deals[-_RECENT:]
        lost = [deal for deal in recent if deal.stage == CLOSED_LOST]
        won = [deal for deal in recent if deal.stage == CLOSED_WON and deal.opportunity_type == "new_business"]
        for rate, deals, mishap in (
            (_DELETIONS_A_DAY, self._sales.open_deals, self._delete),
            (_CLOSED_DELETIONS_A_DAY, recent, self._delete),
            (_COPIES_A_DAY, self._sales.open_deals, self._copy),
            (_REOPENINGS_A_DAY, lost, self._reopen),
            (_REVERSALS_A_DAY, won, self._reopen),
            (_CURRENCY_CORRECTIONS_A_DAY, self._sales.open_deals, self._correct_currency),
        ):
            for _ in range(self._world.how_many(rate)):
                spared = [deal for deal in deals if not deal.is_renewal and not deal.is_deleted]
                if spared:
                    mishap(self._world.chance.choice(spared))

    def _delete(self, deal: Opportunity) -> None:
        """Into the recycle bin, from where some come back; or gone at once, and of these too a few come back."""
        world = self._world
        self._sales.halt(deal)
        deal.is_deleted = True
        world.save("opportunity", deal)
        if world.happens(0.25):
            self._purge(deal)
            comes_back = world.happens(0.3)
        else:
            world.plan(world.day + RECYCLE_BIN_DAYS, partial(self._purge, deal))
            comes_back = world.happens(0.45)
        if comes_back:
            world.plan(world.day + world.chance.randint(2, RECYCLE_BIN_DAYS - 2), partial(self._restore, deal))

    def _purge(self, deal: Opportunity) -> None:
        """Out of the recycle bin, and out of every record that points to it. Merge targets stay in the bin."""
        if not deal.is_deleted or deal.is_merge_target:
            return
        deal.is_purged = True
        self._world.drop("opportunity", deal)
        self._drop_roles(deal)
        for person in deal.leads:
            person.converted_opportunity_id = None
            self._world.save("person", person)

    def _restore(self, deal: Opportunity) -> None:
        deal.is_deleted = deal.is_purged = False
        if deal.is_open:
            self._sales.resume(deal)
        else:
            self._world.save("opportunity", deal)
        for role in deal.roles:
            self._world.save("opportunity_contact_role", role)
        for person in deal.leads:
            person.converted_opportunity_id = deal.opportunity_id
            self._world.save("person", person)

    def _copy(self, deal: Opportunity) -> None:
        """The same deal is entered twice; some days later somebody notices and merges the two."""
        copy = self._sales.open_copy(deal)
        self._world.plan(self._world.day + self._world.chance.randint(2, 16), partial(self._merge, copy, deal))

    def _merge(self, copy: Opportunity, survivor: Opportunity) -> None:
        if copy.is_deleted or survivor.is_deleted or not copy.is_open:
            return
        self._sales.halt(copy)
        copy.is_deleted = True
        copy.merged_into_opportunity_id = survivor.opportunity_id
        survivor.is_merge_target = True
        self._world.save("opportunity", copy)
        self._drop_roles(copy)

    def _reopen(self, deal: Opportunity) -> None:
        """A lost deal wakes up, or a signature is taken back."""
        if deal.is_open:
            return
        stages = PIPELINES[deal.pipeline].stages
        self._sales.reopen(deal, len(stages) - 1 if deal.stage == CLOSED_WON else 1)

    def _drop_roles(self, deal: Opportunity) -> None:
        for role in deal.roles:
            self._world.drop("opportunity_contact_role", role)

    def _correct_currency(self, deal: Opportunity) -> None:
        """The currency was entered wrongly; the number stays."""
        deal.currency_code = "USD" if deal.currency_code == "EUR" else "EUR"
        self._world.save("opportunity", deal)
