"""What all departments share: today, chance, the agenda and the records of the company's systems.

Chance is drawn anew from (seed, day) each morning, and the agenda is worked off in order: so a day depends on the
days before it alone, never on how far the simulation will go.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from random import Random

from ingestion.demo_company.calendar import Clock
from ingestion.demo_company.profile import HISTORY_DAYS
from ingestion.demo_company.records import Events, Row, Versions
from ingestion.entities import ENTITIES

RECORDED = {
    name: replace(of, columns={column: kind for column, kind in of.columns.items() if column not in of.flat})
    for name, of in ENTITIES.items()
    if name != "opportunity_change"
}
"""What the company's systems keep. Accounts and users have tables of their own, so opportunities do not repeat them."""


class World:
    """The company's shared state. `scale` multiplies every rate and every number at the start."""

    def __init__(self, *, seed: int, start_day: int, time_zone: str, scale: float) -> None:
        self.seed = seed
        self.start_day = start_day  # first day on which the sources can be asked
        self.day = start_day - HISTORY_DAYS  # the company is alive by the time they are
        self.scale = scale
        self.clock = Clock(time_zone)
        self.chance = Random()  # noqa: S311 - a simulation, not a secret
        self.versions = {name: Versions(of) for name, of in RECORDED.items() if of.mode == "state"}
        self.events = {name: Events(of) for name, of in RECORDED.items() if of.mode == "events"}
        self._agenda: dict[int, list[Callable[[], None]]] = defaultdict(list)
        self._numbers: dict[str, int] = defaultdict(int)
        self._row_of: dict[str, Callable[[object], Row]] = {
            name: attrgetter(*of.columns) for name, of in RECORDED.items()
        }
        self._shuffle()

    def chance_of(self, department: str) -> Random:
        """Today's chance of one department alone: what it draws leaves everybody else's as it is."""
        return Random(f"{self.seed}/{department}/{self.day - self.start_day}")  # noqa: S311 - a simulation, not a secret

    def dawn(self) -> None:
        """Begin the next day."""
        self.day += 1
        self._shuffle()

    def work_off_agenda(self) -> None:
        """Do all that was planned for today, and what that plans for today in turn."""
        tasks = self._agenda[self.day]
        position = 0
        while position < len(tasks):
            tasks[position]()
            position += 1
        del self._agenda[self.day]

    def plan(self, day: int, task: Callable[[], None]) -> None:
        """Put a task on the agenda of a day; what lies in the past is done today."""
        self._agenda[max(day, self.day)].append(task)

    def save(self, entity: str, thing: object) -> None:
        """Record how a thing stands at the end of today."""
        self.versions[entity].put(self.day, self._row_of[entity](thing))

    def drop(self, entity: str, thing: object) -> None:
        """Record that the thing is gone from its system."""
        self.versions[entity].remove(self.day, self._row_of[entity](thing))

    def log(self, entity: str, thing: object) -> None:
        """Record an event of today."""
        self.events[entity].put(self.day, self._row_of[entity](thing))

    def new_id(self, prefix: str, width: int) -> str:
        """The next number of its kind, as an identifier."""
        self._numbers[prefix] += 1
        return f"{prefix}-{self._numbers[prefix]:0{width}d}"

    def now(self) -> int:
        """A moment of today, in office hours mostly."""
        return self.clock.office_instant(self.day, self.chance)

    def happens(self, probability: float) -> bool:
        """Throw a coin with this probability."""
        return self.chance.random() < probability

    def how_many(self, mean: float, chance: Random | None = None) -> int:
        """How often something happens today that at full scale happens `mean` times (Poisson)."""
        draw = (chance or self.chance).random
        limit, product, count = math.exp(-mean * self.scale), draw(), 0
        while product > limit:
            product *= draw()
            count += 1
        return count

    def trend(self, long_ago: float, at_start: float, later: float) -> float:
        """A rate that grows evenly from the beginning to the start, and for 540 days from there."""
        since = self.day - self.start_day
        if since < 0:
            return at_start + (at_start - long_ago) * since / HISTORY_DAYS
        return at_start + (later - at_start) * min(since, 540) / 540

    def around(self, median: float, spread: float) -> float:
        """A lognormal quantity."""
        return median * math.exp(self.chance.gauss(0.0, spread))

    def sized(self, number: int) -> int:
        """A starting number at this scale, at least one."""
        return max(1, round(number * self.scale))

    def _shuffle(self) -> None:
        self.chance.seed(f"{self.seed}/{self.day - self.start_day}")
