"""The models as Dagster assets, built together by dbt, and dbt's names in the company's terms.

Comes from dbt's manifest and the settings; goes to `company.py`. dagster-dbt takes a second to import, and what the
command line runs needs it not: that is in `models.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from orchestration.dag.assets import POOL, SOLE_WRITER, intervals_key
from orchestration.dag.models import asset_key, build_events, layer
from orchestration.settings.settings import Settings

LAYERS_BY_SUBJECT = ("intermediate", "marts")


class Translator(DagsterDbtTranslator):
    """dbt's names in the company's terms: subjects as groups, sources as the intervals they read."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self.company = settings

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """A model is called by layer and name; a dbt source is the intervals of a type."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["intervals_of_type", dbt_resource_props["name"].split("__")[0]])
        return asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The subject of a model below staging, which is its folder; of anything else the layer."""
        folders = dbt_resource_props["fqn"][1:-1]
        return str(folders[1]) if layer(dbt_resource_props) in LAYERS_BY_SUBJECT else layer(dbt_resource_props)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the project says of it: of a model, what one row of it is."""
        return str(dbt_resource_props["description"]).strip()

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """Those who answer for all assets."""
        return self.company.config.alerts.owners

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
        general = key.path[1] in {"receipts", "extracted_columns", "spellings"}
        return [intervals_key(source.name) for source in (enabled if general else of_type)]


def model_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """One asset per dbt model, built together; a failed contract or invariant stops before publishing."""

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=Translator(settings),
        name="build_marts",
        required_resource_keys={SOLE_WRITER},
        pool=POOL,
    )
    def build_marts(context: dg.AssetExecutionContext) -> Iterator[Any]:
        # Everything is built, whatever was selected: a mart beside others of another day would not add up.
        wanted = {*context.selected_asset_keys, *(check.asset_key for check in context.selected_asset_check_keys)}
        for result in build_events(context.op_execution_context, settings, manifest):
            if result.asset_key in wanted:
                yield result

    return build_marts
