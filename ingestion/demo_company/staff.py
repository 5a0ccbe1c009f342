"""The staff: people are hired, leave and change teams; others ask it who should own something."""

from collections.abc import Callable

from ingestion.demo_company import names
from ingestion.demo_company.business_objects import User
from ingestion.demo_company.profile import (
    ACCOUNT_EXECUTIVE,
    LEADERSHIP,
    PUSHING_TEAM,
    TEAMS,
    UNTARGETED_SEGMENT,
    Team,
)
from ingestion.demo_company.world import World

_REGIONS = ("North America", "North America", "EMEA")
_SELLERS = {team.segment: team for team in TEAMS if team.segment}
_TEAM = {team.name: team for team in TEAMS}
_HIRES_A_DAY = 0.022
_LEAVERS_A_DAY = 0.021
_MOVERS_A_DAY = 0.02


class Staff:
    """All users, and who works in which team today."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.users: list[User] = []
        self._managers: dict[str, User] = {}
        self.pusher_id = ""
        self.on_leave: list[Callable[[User], None]] = []  # told of every owner who has left

    def found(self) -> None:
        """Hire those who are there from the beginning."""
        head = self._hire("VP Sales", LEADERSHIP, None)
        for team in TEAMS:
            self._managers[team.name] = self._hire("Sales Manager", team.name, head.user_id)
            for _ in range(max(2, self._world.sized(team.members))):
                self._hire_into(team)
        self.pusher_id = self.members(PUSHING_TEAM)[0].user_id

    def live(self) -> None:
        """One day: a few join, leave or change teams."""
        world = self._world
        for _ in range(world.how_many(_HIRES_A_DAY)):
            self._hire_into(world.chance.choice(TEAMS))
        for _ in range(world.how_many(_LEAVERS_A_DAY)):
            self._leave(world.chance.choice(self._movable()))
        for _ in range(world.how_many(_MOVERS_A_DAY)):
            self._change_team(world.chance.choice(self._movable()))

    def members(self, team: str) -> list[User]:
        """Who works in a team today, its manager left out."""
        return [user for user in self.users if user.team == team and user.is_active and user.role == _TEAM[team].role]

    def manager(self, team: str) -> User:
        """Who leads a team."""
        return self._managers[team]

    def seller(self, segment: str) -> User:
        """An account executive who sells to a segment."""
        return self._world.chance.choice(self.members(_SELLERS[segment].name))

    def account_manager(self) -> User:
        """An account manager, who owns customers."""
        return self._world.chance.choice(self.members("Account Management"))

    def lead_owner(self) -> User:
        """A sales development rep, who owns leads."""
        return self._world.chance.choice(self.members("Sales Development"))

    def successor(self, user: User) -> User:
        """Who takes over from somebody who has left."""
        return self._world.chance.choice(self.members(user.team))

    def _hire_into(self, team: Team) -> User:
        return self._hire(team.role, team.name, self._managers[team.name].user_id)

    def _hire(self, role: str, team: str, manager_id: str | None) -> User:
        world = self._world
        user = User(
            user_id=world.new_id("usr", 3),
            user_name=names.person_name(world.chance),
            role=role,
            team=team,
            manager_id=manager_id,
            region=world.chance.choice(_REGIONS),
            started_at=world.clock.instant(world.day, 9 * 3_600),
        )
        self.users.append(user)
        world.save("user", user)
        return user

    def _movable(self) -> list[User]:
        """Members of teams who may leave or move; the planted rep stays."""
        return [user for team in TEAMS for user in self.members(team.name) if user.user_id != self.pusher_id]

    def _leave(self, user: User) -> None:
        world = self._world
        user.is_active = False
        user.ended_at = world.clock.instant(world.day, 17 * 3_600)
        world.save("user", user)
        if len(self.members(user.team)) < 2:
            self._hire_into(_TEAM[user.team])
        for tell in self.on_leave:
            tell(user)

    def _change_team(self, user: User) -> None:
        """Development reps are promoted to sell, sellers go to another segment's team."""
        others = [
            team
            for team in TEAMS
            if team.role == ACCOUNT_EXECUTIVE and team.name not in (user.team, UNTARGETED_SEGMENT)
        ]
        if len(self.members(user.team)) < 3:
            return
        team = self._world.chance.choice(others)
        user.team, user.role = team.name, team.role
        user.manager_id = self._managers[team.name].user_id
        self._world.save("user", user)
