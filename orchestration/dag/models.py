"""The models as Dagster assets, built together by dbt, and dbt's names in the company's terms.

Comes from dbt's manifest and the settings; goes to `company.py` and `jobs.py`. What dbt is told stands here, how it is
wired to a home in `steps/dbt.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject, dbt_assets
from packaging.version import Version

from orchestration.dag.assets import POOL, SOLE_WRITER, intervals_key
from orchestration.settings.settings import Settings
from orchestration.steps import build
from orchestration.steps.dbt import EXECUTABLE, PROJECT, dbt_vars

DBT = "dbt"
LAYERS_BY_SUBJECT = ("intermediate", "marts")


def layer(dbt_resource_props: Mapping[str, Any]) -> str:
    """definitions, staging, intermediate or marts."""
    return "definitions" if dbt_resource_props["resource_type"] == "seed" else str(dbt_resource_props["fqn"][1])


class Translator(DagsterDbtTranslator):
    """dbt's names in the company's terms: subjects as groups, sources as the intervals they read."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self.company = settings

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """A model is called by layer and name; a dbt source is the intervals of a type."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["intervals_of_type", dbt_resource_props["name"].split("__")[0]])
        return dg.AssetKey([layer(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The subject of a model below staging, which is its folder; of anything else the layer."""
        folders = dbt_resource_props["fqn"][1:-1]
        return str(folders[1]) if layer(dbt_resource_props) in LAYERS_BY_SUBJECT else layer(dbt_resource_props)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the project says of it; of a model that nobody but models reads, its first line: the grain."""
        first_line = dbt_resource_props.get("raw_code", "").split("\n", 1)[0].removeprefix("-- ")
        return str(dbt_resource_props.get("description") or first_line)

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Replace what reads a source type by all sources of that type."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        keys: dict[dg.AssetKey, None] = {}
        for dep in spec.deps:
            keys |= dict.fromkeys(self.behind(dep.asset_key))
        return spec.replace_attributes(deps=list(keys))

    def behind(self, key: dg.AssetKey) -> list[dg.AssetKey]:
        """The intervals of all enabled sources of a type; other keys stand for themselves."""
        if key.path[0] != "intervals_of_type":
            return [key]
        enabled = self.company.config.enabled
        of_type = [source for source in enabled if source.type == key.path[1]]
        general = key.path[1] in {"receipts", "extracted_columns"}
        return [intervals_key(source.name) for source in (enabled if general else of_type)]


class Dbt(DbtCliResource):
    """dbt in a process of its own. Neither asks the internet for its version nor opens the warehouse beside
    it.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None  # DuckDB lets no second process read what dbt writes


def dbt_resource() -> Dbt:
    """The dbt of this environment, on our project."""
    return Dbt(project_dir=str(PROJECT), profiles_dir=str(PROJECT), dbt_executable=str(EXECUTABLE))


def dbt_command(settings: Settings) -> list[str]:
    """Everything but unit tests, which look at the models and not at the data."""
    return ["build", "--exclude-resource-type", "unit_test", "--vars", dbt_vars(settings.config)]


def model_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """One asset per dbt model, built together; a failed contract or invariant stops before publishing."""

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=Translator(settings),
        name="build_marts",
        required_resource_keys={DBT, SOLE_WRITER},
        pool=POOL,
    )
    def build_marts(context: dg.AssetExecutionContext) -> Iterator[Any]:
        build.before_build(settings)
        yield from context.resources.dbt.cli(dbt_command(settings), context=context).stream()
        for finding in build.after_build(settings):
            context.log.warning(finding)

    return build_marts
