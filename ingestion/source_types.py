"""The source types: which there are, what each lands, and what `pipeledger.toml` may say of it. Said here, once.

Everything that knows source types reads them here: the settings, the ledger's cache, `doctor`, `init` and Dagster's
assets. What dbt needs to know of a type (`_ledger.yml`, `dbt_project.yml`) is held against this
by `tests/ingestion/test_source_types.py`. The command line reads this module on every start, so it imports nothing
heavy; a type's own module is imported when a source of it is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ingestion.entities import ENTITIES

OptionKind = Literal["text", "path", "integer", "number", "share", "names", "steps", "flag"]
"""What a value in `pipeledger.toml` has to be; `orchestration` says how each kind is checked."""


@dataclass(frozen=True)
class Option:
    """One option of `[sources.<name>]`."""

    kind: OptionKind
    is_required: bool = False
    question: str = ""  # what `pipeledger init` asks; nothing: it is not asked for
    is_for_models: bool = False  # dbt's models read it, too


LAYOUT: dict[str, OptionKind] = {
    "delimiter": "text",
    "encoding": "text",
    "skip_rows": "integer",
    "skip_footer": "integer",
    "sheet": "text",
}
"""How a file is laid out: a field of `ingestion.files.layout.Layout` each."""

DIALECT: dict[str, OptionKind] = {
    "decimal": "text",
    "thousands": "text",
    "date_format": "text",
    "currency_prefix": "flag",
    "parentheses": "flag",
    "percent": "flag",
    "null_values": "names",
    "time_zone": "text",
}
"""How values are written: a field of `ingestion.source.Dialect` each."""

SHARED_OPTIONS = frozenset({*LAYOUT, *DIALECT, "values", "defaults"})
"""Options of an entity that may be set for a whole source, too."""


@dataclass(frozen=True)
class SourceType:
    """A kind of source that the settings may name as `type`.

    `entities` are what it lands, called as the vendor calls them, in snake_case. The first is what a vendor is asked
    for: that there is none is suspicious on the first day, too. `secrets` (key -> what it is) are never in
    `pipeledger.toml`; `pipeledger init` says where they belong. Options that are `together` are all set, or none is.
    """

    package: str  # its module `source` has `build_source`
    entities: tuple[str, ...]
    options: Mapping[str, Option] = field(default_factory=dict)
    entity_options: frozenset[str] = frozenset({"columns", "volatile", "personal"})
    secrets: Mapping[str, str] = field(default_factory=dict)
    together: tuple[str, ...] = ()
    has_past: bool = False  # the vendor keeps what happened to opportunities: `PAST` in the package's module `objects`
    is_canonical: bool = False  # it speaks our names: its entities are the canonical ones, and no staging models map it

    @property
    def questions(self) -> dict[str, str]:
        """What `pipeledger init` asks, by option."""
        return {name: option.question for name, option in self.options.items() if option.question}


SOURCE_TYPES: dict[str, SourceType] = {
    "files": SourceType(
        "ingestion.files",
        tuple(ENTITIES),
        {"path": Option("path", is_required=True)},
        frozenset({"file", "columns", "volatile", "personal", "distinct", *SHARED_OPTIONS}),
        is_canonical=True,
    ),
    "demo": SourceType(
        "ingestion.demo_company",
        tuple(ENTITIES),
        {"seed": Option("integer"), "scale": Option("number")},
        frozenset({"columns", "volatile"}),
        is_canonical=True,
    ),
    "salesforce": SourceType(
        "ingestion.vendors.salesforce",
        (
            *("opportunity", "account", "user", "contact", "lead", "opportunity_contact_role", "task", "event"),
            *("campaign", "campaign_member", "opportunity_history", "opportunity_field_history"),
            *("forecasting_item", "forecasting_quota", "case"),
        ),
        {
            "instance_url": Option("text", True, "Address of the org (such as https://acme.my.salesforce.com)"),
            "api_version": Option("text"),
            "username": Option("text"),
            "login_url": Option("text"),
            "exclude": Option("names"),
            "api_reserve": Option("share"),
        },
        secrets={
            "client_id": "the consumer key of the external client app",
            "client_secret": "its consumer secret",
            "private_key": "instead of the secret: the PEM key of the JWT flow, with username above",
        },
        has_past=True,
    ),
    "hubspot": SourceType(
        "ingestion.vendors.hubspot",
        (
            *("deal", "company", "contact", "contact_email", "owner", "user", "deal_pipeline", "deal_pipeline_stage"),
            *("deal_company", "deal_contact", "deal_property_history", "call", "email", "meeting", "note", "task"),
            *("engagement_deal", "campaign", "campaign_asset", "form", "email_event", "form_submission"),
            *("ticket", "goal_target", "forecast"),
        ),
        {
            "api_version": Option("text"),
            "base_url": Option("text"),
            "exclude": Option("names"),
            "api_reserve": Option("share"),
        },
        secrets={"access_token": "the access token of the private app"},
        has_past=True,
    ),
    "stripe": SourceType(
        "ingestion.vendors.stripe",
        (
            *("customer", "product", "price", "coupon", "subscription", "subscription_item", "discount"),
            *("invoice", "invoice_line", "credit_note"),
        ),
        {"api_version": Option("text"), "base_url": Option("text"), "exclude": Option("names")},
        secrets={"api_key": "a restricted key with read access"},
    ),
    "marketo": SourceType(
        "ingestion.vendors.marketo",
        ("lead", "activity", "data_value_change", "program", "campaign", "form"),
        {
            "base_url": Option("text", True, "Address of the REST API (such as https://123-ABC-456.mktorest.com)"),
            "exclude": Option("names"),
            "touches": Option("names"),
            "lifecycle_field": Option("text", is_for_models=True),
            "lifecycle": Option("steps", is_for_models=True),
            "daily_export_mb": Option("integer"),
            "export_reserve": Option("share"),
        },
        secrets={
            "client_id": "the client id of the custom service in LaunchPoint",
            "client_secret": "its client secret",
        },
        together=("lifecycle_field", "lifecycle"),
    ),
}

LANDED: dict[str, tuple[str, ...]] = {name: of.entities for name, of in SOURCE_TYPES.items()}
"""The entities that each source type lands."""

VENDORS = tuple(name for name, of in SOURCE_TYPES.items() if not of.is_canonical)
"""The types that are vendors' APIs."""
