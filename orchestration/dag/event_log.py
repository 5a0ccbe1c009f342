"""Dagster's event log in SQLite, with the connections kept open.

Dagster opens and closes a connection for every event, which costs a build of an empty home more than the models do:
each time an engine is made, SQL is compiled anew, and the write-ahead log is folded in when the connection closes.
Here a database keeps its engine, what tables there are is asked once, and a commit need not reach the disk before the
next event: after a power cut the log may lack the last events of a run, but never holds half of one. The files are
those of Dagster's own storage.

Comes from Dagster's instance (`dagster.yaml` names the class); goes to `$DAGSTER_HOME/history/runs`.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

KEPT_OPEN = 4  # databases: the index, and the runs that somebody looks at
BUSY_TIMEOUT_SECONDS = 60


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's SQLite event log; each database keeps its connection until others are used more."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage as `dagster.yaml` describes it."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        """A transaction on the database of one run, or on the index."""
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        """The engine of a database, the one used least recently closed where too many are open."""
        engine = self._engines.pop(shard, None) or open_engine(self.conn_string_for_shard(shard))
        self._engines[shard] = engine
        while len(self._engines) > KEPT_OPEN:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the index has this table. Dagster asks at every event, and a table that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Delete all databases, after their connections are closed."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close everything."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            self._tables.clear()
            while self._engines:
                self._engines.popitem()[1].dispose()


def open_engine(url: str) -> sa.Engine:
    """One connection at a time, whichever thread asks for it; the caller holds the storage's lock."""
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=1,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def leave_the_disk_to_the_system(connection: Any, _: Any) -> None:
        connection.execute("pragma synchronous = normal")

    return engine
