"""dbt, wired to one home: definitions assembled, settings passed on, the project parsed when it changed.

The user's governed CSV files, and the documented default for each that is missing, go into one folder under the home,
from which dbt's seeds are read. Settings go to dbt as variables, paths as environment variables; targets and logs stay
under the home. dbt reads the project once: what it reads depends on the project's files and on which types of sources
there are, and on nothing else of a company. Nothing here gives a definition a meaning. Alone: `python -m
orchestration.steps.dbt` assembles and parses; with source types behind it, it parses for all homes (`make setup`).
"""

import csv
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.entities import ENTITIES
from ingestion.source_types import SOURCE_TYPES
from orchestration.settings.config import Config, SourceConfig, nearest
from orchestration.settings.errors import ConfigError, PipeledgerError
from orchestration.settings.home import Home
from orchestration.steps import lean_manifest
from snapshots.casts import PLAIN
from snapshots.dialect import Dialect

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).parents[2] / "dbt_project"
DEFAULT_DEFINITIONS = PROJECT / "default_definitions"
QUIET = ("--quiet", "--log-level", "none", "--log-level-file", "none", "--no-version-check")
LEAN_MANIFEST = "manifest.msgpack"  # of the whole project
BUILD_MANIFEST = "build.msgpack"  # what a build needs of it
NOT_PART_OF_THE_PROJECT = {"target", "logs"}
LARGE_WAREHOUSE = 1 << 29  # bytes
INSTALLED = Path(sys.prefix) / "share" / "pipeledger" / "parsed"  # what dbt read when Pipeledger was set up


class DbtError(PipeledgerError):
    """dbt could not read the project."""


@dataclass(frozen=True)
class Definition:
    """One governed file that takes part in a build: the user's own or the documented default."""

    name: str
    path: Path
    is_default: bool


def definition_files(folder: Path, defaults: Path = DEFAULT_DEFINITIONS) -> list[Definition]:
    """Every governed file in force. ConfigError for one whose header, or whose name, is nearly right."""
    known = {path.name for path in defaults.glob("*.csv")}
    own = {path.name for path in folder.glob("*.csv")} if folder.is_dir() else set()
    for name in sorted(own - known):
        hint = nearest(name, known)
        if hint.startswith("Did you mean"):
            raise ConfigError(f"{folder / name}: not a governed definition. {hint} Rename the file.")
    found = [Definition(name, (folder if name in own else defaults) / name, name not in own) for name in sorted(known)]
    for definition in found:
        if not definition.is_default:
            check_header(definition.path, read_header(defaults / definition.name))
    return found


def read_header(path: Path) -> list[str]:
    """The column names of a CSV file."""
    try:
        first = path.read_text(encoding="utf-8-sig").split("\n", 1)[0]
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: not UTF-8 ({error.reason} at byte {error.start}). Save it as `CSV UTF-8`, then run again."
        ) from error
    return next(csv.reader(io.StringIO(first)), [])


def check_header(path: Path, expected: Sequence[str]) -> None:
    """ConfigError unless the file has exactly the documented columns, in any order."""
    got = read_header(path)
    missing = [name for name in expected if name not in got]
    unknown = [name for name in got if name not in expected]
    if not missing and not unknown and len(got) == len(set(got)):
        return
    problems = [f"column `{name}` missing" for name in missing]
    problems += [f"column `{name}` unknown ({nearest(name, expected)})" for name in unknown]
    problems += [f"column `{name}` twice" for name in sorted({name for name in got if got.count(name) > 1})]
    raise ConfigError(
        f"{path}: {'; '.join(problems)}. Expected the header `{','.join(expected)}`. Correct the first line."
    )


def assemble_definitions(folder: Path, target: Path, defaults: Path = DEFAULT_DEFINITIONS) -> list[Definition]:
    """Put the definitions in force into `target`, and nothing else; return which ones they are."""
    found = definition_files(folder, defaults)
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.iterdir():
        if stale.name not in {definition.name for definition in found}:
            stale.unlink()
    for definition in found:
        content = definition.path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        copy = target / definition.name
        if not copy.is_file() or copy.read_bytes() != content:  # an untouched file is an unchanged seed
            copy.write_bytes(content)
    return found


def dialect_of(source: SourceConfig, entity: str) -> Dialect:
    """How the ledger's text of an entity is read."""
    return Dialect.from_json(json.dumps(asdict(source.dialect_of(entity))))


def dialects(config: Config) -> dict[str, Dialect]:
    """The dialects that have readings of their own, by `<source>.<entity>`; that nobody said anything needs none."""
    found = {
        f"{source.name}.{entity}": dialect_of(source, entity)
        for source in config.sources.values()
        for entity in ENTITIES
    }
    return {name: dialect for name, dialect in found.items() if dialect not in (PLAIN, Dialect(decimal=""))}


def dbt_vars(config: Config) -> str:
    """The variables of a build as JSON, in a stable order."""
    named = dialects(config)
    sources = {
        source.name: {
            "type": source.type,
            "columns": {
                entity: {ours: names[0] for ours, names in settings.landed.items()}
                for entity, settings in sorted(source.entities.items())
                if settings.columns
            },
            "dialects": {
                entity: {
                    "readings": f"{source.name}.{entity}" if f"{source.name}.{entity}" in named else "",
                    "is_unsure": dialect.is_unsure,
                    "has_currency": dialect.currency_prefix,
                }
                for entity in ENTITIES
                if (dialect := dialect_of(source, entity)) != PLAIN
            },
            **spoken(source),
            **{
                name: source.options[name]
                for name, option in SOURCE_TYPES[source.type].options.items()
                if option.is_for_models and name in source.options
            },
        }
        for source in config.sources.values()
    }
    company = config.company
    return json.dumps(
        {
            "time_zone": company.time_zone,
            "base_currency": company.base_currency,
            "fiscal_year_start_month": company.fiscal_year_start_month,
            "sources": sources,
        },
        sort_keys=True,
    )


def spoken(source: SourceConfig) -> dict[str, Any]:
    """What staging needs besides the mapping, by entity: other names of a column, values and defaults of the settings.

    Each only where the settings have it.
    """
    entities = {name: source.entity(name) for name in (*source.entities, *source.common)}
    found: dict[str, dict[str, Any]] = {
        "also": {
            name: {ours: list(names[1:]) for ours, names in entity.landed.items() if len(names) > 1}
            for name, entity in entities.items()
        },
        "values": {name: entity.values for name, entity in entities.items()},
        "defaults": {name: entity.defaults for name, entity in entities.items()},
    }
    named = {kind: {name: of for name, of in by_entity.items() if of} for kind, by_entity in found.items()}
    return {kind: by_entity for kind, by_entity in named.items() if by_entity}


def dbt_env(home: Home) -> dict[str, str]:
    """The environment that dbt needs for one home."""
    return _environment(home.warehouse, home.dbt)


def _environment(warehouse: Path, folder: Path) -> dict[str, str]:
    return {
        "PIPELEDGER_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def project_fingerprint() -> str:
    """Changes with what dbt would read (a file of the project, another version of dbt), and with what is made of it."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-duckdb')}".encode())
    digest.update(Path(lean_manifest.__file__).read_bytes())
    for path in sorted(PROJECT.rglob("*")):
        inside = path.relative_to(PROJECT)
        if path.is_file() and NOT_PART_OF_THE_PROJECT.isdisjoint(inside.parts):
            digest.update(str(inside).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def prepare(config: Config, home: Home) -> Path:
    """Assemble the definitions and parse the project if it is not known yet; return the manifest."""
    assemble_definitions(config.company.definitions, home.definitions)
    return parsed_project(home, {source.type for source in config.sources.values()}) / "manifest.json"


def parsed_project(home: Home, types: Iterable[str], target: str = "duckdb") -> Path:
    """The folder of what dbt reads in the project where there are sources of these `types`; parses where it is missing.

    It holds `manifest.json`, `semantic_manifest.json` (the metrics), `manifest.msgpack` (what dbt's commands need) and
    `build.msgpack` (what a build needs). It lies in the home, or in the folder that PIPELEDGER_CACHE names, which
    several homes may share; or set-up made it already (`make setup` for the demo). What an earlier version of the
    project left there goes.
    """
    named = os.environ.get("PIPELEDGER_CACHE")
    cache = Path(named or home.dbt / "parsed")
    fingerprint = project_fingerprint()
    engine = [target] if target != "duckdb" else []
    name = "-".join([fingerprint, *engine, *sorted(set(types))])
    for found in (*([] if named else [INSTALLED / name]), cache / name):
        if found.is_dir():
            return found
    if cache.is_file():  # the mark of an earlier version
        cache.unlink()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="unfinished-") as unfinished:
        parse(Path(unfinished), types, target)
        try:
            Path(unfinished, "target").rename(found)
        except OSError:
            if not found.is_dir():  # else another process was as fast, and read the same
                raise
    for old in cache.iterdir():
        if not old.name.startswith((fingerprint, "unfinished-")):
            shutil.rmtree(old, ignore_errors=True)
    return found


def parse(folder: Path, types: Iterable[str], target: str = "duckdb") -> None:
    """Have dbt read the project, and keep what is needed in `folder/target`; DbtError says what it could not read.

    A source of each type stands for all: their names and mappings count when dbt builds.
    """
    read_project(folder, types, ["parse"], target=target)
    whole = folder / "target"
    read = whole / "partial_parse.msgpack"
    lean_manifest.write(read, whole / LEAN_MANIFEST)
    if target == "duckdb":  # elsewhere dbt's seconds do not count
        lean_manifest.write(read, whole / BUILD_MANIFEST, known_sql(folder, read, types))
    for part in whole.iterdir():
        if part.name not in {"manifest.json", "semantic_manifest.json", LEAN_MANIFEST, BUILD_MANIFEST}:
            part.unlink() if part.is_file() else shutil.rmtree(part)


def known_sql(folder: Path, read: Path, types: Iterable[str]) -> dict[str, str]:
    """The SQL of the models and tests that have the same in every company, by their ids, as dbt compiles it.

    `read` is what dbt read of the project, in `folder`.
    """
    from dbt.contracts.graph.nodes import CompiledNode

    manifest = lean_manifest.read(read)
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    names = {unique_id.rpartition(".")[2]: unique_id for unique_id in lean_manifest.same_everywhere(manifest)}
    selection = ["--indirect-selection", "empty", "--select", *names]
    command = ["--no-write-json", "compile", "--no-introspect", "--no-populate-cache", *selection]
    read_project(folder, types, command, manifest)
    compiled = {
        unique_id: node.compiled_code
        for unique_id in names.values()
        if isinstance(node := manifest.nodes[unique_id], CompiledNode)
    }
    return {unique_id: sql for unique_id, sql in compiled.items() if sql and not lean_manifest.TEMPLATE.search(sql)}


def read_project(
    folder: Path,
    types: Iterable[str],
    command: Sequence[str],
    manifest: "Manifest | None" = None,
    *,
    target: str = "duckdb",
) -> None:
    """Run a command that needs the project alone, and no company; DbtError says what dbt could not read."""
    problems: list[str] = []
    sources = {name: {"type": name} for name in sorted(set(types))}
    result = _invoke(
        _environment(folder / "warehouse.duckdb", folder),
        json.dumps({"sources": sources, **lean_manifest.PLACES}),
        command,
        target=target,
        manifest=manifest,
        on_event=lambda event: problems.extend(errors_in(event)),
    )
    if not result.success:
        told = "\n".join(dict.fromkeys([*problems, *([str(result.exception)] if result.exception else [])]))
        raise DbtError(
            f"dbt could not read the project:\n{told.strip()[-4000:]}\n"
            "Nothing was built. Correct what it names, then run `pipeledger build`."
        )


def parsed_manifest(
    home: Home, variables: Mapping[str, Any], target: str = "duckdb", *, with_unit_tests: bool = False
) -> "Manifest":
    """dbt's own reading of the project, as far as its commands need it, with the seeds and variables of this home."""
    from dbt.contracts.graph.nodes import SeedNode

    name = LEAN_MANIFEST if with_unit_tests or target != "duckdb" else BUILD_MANIFEST
    types = {source["type"] for source in variables["sources"].values()}
    manifest = lean_manifest.read(parsed_project(home, types, target) / name)
    lean_manifest.put_values(manifest, variables)
    for node in manifest.nodes.values():
        if isinstance(node, SeedNode):  # dbt looks in the project first, where there is no such path
            node.root_path = str(home.root)
            node.original_file_path = str(home.definitions.relative_to(home.root) / Path(node.original_file_path).name)
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]  # `graph` in macros, which the file lacks
    return manifest


@dataclass(frozen=True)
class NodeResult:
    """What dbt did to one seed, model or test."""

    unique_id: str
    status: str  # success, pass, warn, fail, error, skipped
    seconds: float
    message: str  # empty where there is nothing to say
    failures: int  # rows that a test found

    @property
    def failed(self) -> bool:
        """Whether it keeps the marts from being published."""
        return self.status in {"fail", "error", "runtime error"}


def build_models(
    config: Config,
    home: Home,
    on_node: Callable[[str], None] = lambda name: None,
    *,
    select: Sequence[str] = (),
    with_tests: bool = True,
    warehouse: Path | None = None,
    target: str = "duckdb",
) -> list[NodeResult]:
    """Build every model and run every data test in this process, from the definitions that `prepare` assembled.

    `select` builds only what dbt selects by it, without tests where asked, and `warehouse` elsewhere than in the home.
    `on_node` receives the name of each node that is done. Raises DbtError where dbt could not begin; what failed later
    is in the results. The warehouse is closed on return.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult

    result = invoke(
        home,
        dbt_vars(config),
        # Unit tests look at the models and not at the data.
        [
            "--no-write-json",
            "build",
            "--exclude-resource-type",
            "unit_test",
            *([] if with_tests else ["--exclude-resource-type", "test"]),
            *(["--select", *select] if select else []),
            *(one_at_a_time(warehouse or home.warehouse) if target == "duckdb" else []),
        ],
        warehouse=warehouse,
        target=target,
        on_event=lambda event: on_node(event.data.node_info.node_name) if event.info.name == "NodeFinished" else None,
    )
    if result.exception is not None or not isinstance(result.result, RunExecutionResult):
        raise DbtError(f"dbt could not build: {result.exception}. Run `pipeledger build` again.")
    return [
        NodeResult(
            unique_id=node.node.unique_id,
            status=str(node.status),
            seconds=round(node.execution_time, 3),
            message=(node.message or "").strip(),
            failures=node.failures or 0,
        )
        for node in result.result.results
    ]


def one_at_a_time(warehouse: Path) -> list[str]:
    """What has dbt build one model at a time where the warehouse is large, else nothing.

    There each model has work for all cores, and two at once take the memory from each other. In a small company dbt
    prepares one model while DuckDB computes the other.
    """
    return ["--threads", "1"] if warehouse.is_file() and warehouse.stat().st_size > LARGE_WAREHOUSE else []


def invoke(
    home: Home,
    variables: str,
    command: Sequence[str],
    *,
    warehouse: Path | None = None,
    target: str = "duckdb",
    with_unit_tests: bool = False,
    on_event: Callable[[Any], None],
) -> "dbtRunnerResult":
    """Run one dbt command on a home (its `warehouse`, or another one), as `_invoke`, from the parsed project."""
    environment = _environment(warehouse or home.warehouse, home.dbt)
    manifest = parsed_manifest(home, json.loads(variables), target, with_unit_tests=with_unit_tests)
    return _invoke(environment, variables, command, target=target, manifest=manifest, on_event=on_event)


def _invoke(
    environment: Mapping[str, str],
    variables: str,
    command: Sequence[str],
    *,
    target: str = "duckdb",
    manifest: "Manifest | None" = None,
    on_event: Callable[[Any], None],
) -> "dbtRunnerResult":
    """Run one dbt command in this process, silently: `on_event` receives what dbt would have printed.

    dbt changes the working folder and keeps DuckDB open: both are put back.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    os.environ.update(environment)
    before = Path.cwd()
    try:
        return dbtRunner(manifest=manifest, callbacks=[on_event]).invoke(
            [
                *QUIET,
                *command,
                "--target",
                target,
                "--vars",
                variables,
                "--project-dir",
                str(PROJECT),
                "--profiles-dir",
                str(PROJECT),
            ]
        )
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt-duckdb has no types
        os.chdir(before)


def errors_in(event: Any) -> list[str]:
    """The message of an event of dbt that is an error."""
    return [str(event.info.msg)] if event.info.level == "error" else []


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest; every test depends on the models it looks at, and is attached to the one nearest to the reader."""
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    nodes = manifest["nodes"]
    for node in nodes.values():
        if node["resource_type"] == "test":
            seen = sorted(looked_at(node, nodes))
            node["depends_on"]["nodes"] = seen
            for name in seen:  # dagster-dbt finds the tests of a model here
                manifest["child_map"][name] = sorted({*manifest["child_map"][name], node["unique_id"]})
            node["attached_node"] = max(seen, key=lambda name: (nearness(nodes[name]), name))
    return manifest


def looked_at(node: Mapping[str, Any], nodes: Mapping[str, Any]) -> set[str]:
    """The models and seeds that a test reads, itself or through checks, which are no tables of their own."""
    found: set[str] = set()
    for name in node["depends_on"]["nodes"]:
        if name in nodes:
            is_check = nodes[name]["config"]["materialized"] == "ephemeral"
            found |= looked_at(nodes[name], nodes) if is_check else {name}
    return found


def nearness(node: Mapping[str, Any]) -> int:
    """How near to the reader a node lies: definitions, staging, intermediate, marts."""
    layers = ("definitions", "staging", "intermediate", "marts")
    return layers.index(node["schema"]) if node["schema"] in layers else -1


def remove_run_folders(home: Home, keep: int = 3) -> None:
    """Each dbt run leaves a folder of artifacts; keep the newest few for those who look for a reason."""
    folders = [path for path in (home.dbt / "target").glob("*-*") if path.is_dir()]
    for old in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
        shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    from orchestration.settings.config import find_config, load_config
    from orchestration.settings.home import find_home

    if types := sys.argv[1:]:
        os.environ["PIPELEDGER_CACHE"] = str(INSTALLED)
        print(parsed_project(Home(Path.cwd()), types))
        sys.exit()
    here = find_home(os.environ, Path.cwd())
    print(prepare(load_config(find_config(None, os.environ, Path.cwd(), here.root), os.environ), here))
