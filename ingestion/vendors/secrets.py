"""The secrets of a source: from the environment, else from `.dlt/secrets.toml` beside `pipeledger.toml`.

`SOURCES__CRM__CLIENT_SECRET` (the source's name in upper case), else `client_secret` under `[sources.crm]` of that
file: dlt's own convention. They are read when they are first needed, so that a source can be described without them,
and go to whatever signs in with them. They never show in a `repr`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.source import SourceError

FILE = Path(".dlt") / "secrets.toml"


@dataclass(frozen=True)
class Secrets:
    """The secrets of one source, by key. `folder` is that of `pipeledger.toml`."""

    source: str
    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def get(self, key: str) -> str | None:
        """A secret, or None where neither place has it. SourceError for a file that is not readable."""
        found = self.environment.get(self.variable(key)) or self._in_file().get(key)
        return found.strip() if isinstance(found, str) and found.strip() else None

    def __getitem__(self, key: str) -> str:
        """A secret; SourceError names both places where neither has it."""
        found = self.get(key)
        if found is None:
            raise SourceError(
                f"{self.source}: no `{key}`. Expected it in the environment as {self.variable(key)}, or as `{key}` "
                f"under [sources.{self.source}] in {self.folder / FILE}. Nothing was landed. Set it, then run "
                "`pipeledger doctor`."
            )
        return found

    def variable(self, key: str) -> str:
        """The environment variable of a key."""
        return f"SOURCES__{self.source}__{key}".upper()

    def _in_file(self) -> Mapping[str, object]:
        path = self.folder / FILE
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:  # its text may quote a secret
            raise SourceError(
                f"{self.source}: {path} is not readable ({type(error).__name__}). Expected TOML. Nothing was landed. "
                "Correct it, then run `pipeledger doctor`."
            ) from None
        sources = tables.get("sources")
        own = sources.get(self.source) if isinstance(sources, dict) else None
        return own if isinstance(own, dict) else {}
