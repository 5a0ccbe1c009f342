"""Settings: every wrong one is named, with what was expected."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from orchestration.settings.config import Config, find_config, load_config
from orchestration.settings.errors import ConfigError

GOOD = """
[company]
time_zone = "America/New_York"
base_currency = "USD"
fiscal_year_start_month = 2
definitions = "definitions"

[sources.crm]
type = "files"
path = "exports/crm"
as_of = 2017-12-31

[sources.crm.entities.opportunity]
file = "sales_pipeline.csv"
columns = { deal_stage = "stage", account = "account_id", close_value = "amount" }
volatile = ["SystemModstamp"]

[gates]
max_delete_rate = 0.2
"""


def load(folder: Path, text: str, env: dict[str, str] | None = None) -> Config:
    path = folder / "pipeledger.toml"
    path.write_text(text)
    return load_config(path, env or {})


def test_the_example_of_the_design_is_read(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    crm = config.sources["crm"]
    assert config.company.definitions == tmp_path / "definitions"
    assert crm.options == {"path": tmp_path / "exports/crm"}
    assert crm.entities["opportunity"].columns["deal_stage"] == "stage"
    assert crm.entities["opportunity"].volatile == ("SystemModstamp",)
    assert config.gates.max_delete_rate == 0.2
    assert config.default_day(datetime(2026, 1, 1, tzinfo=UTC)) == date(2017, 12, 31)


def test_today_is_the_company_s_day(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD.replace("as_of = 2017-12-31", ""))
    assert config.default_day(datetime(2026, 1, 1, 4, 59, tzinfo=UTC)) == date(2025, 12, 31)
    assert config.default_day(datetime(2026, 1, 1, 5, 0, tzinfo=UTC)) == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "base_currency =",
            "base_curency =",
            "company.base_curency: unknown key. Did you mean `base_currency`?",
        ),
        ('"America/New_York"', '"America/New_Yrok"', "Did you mean `America/New_York`?"),
        ('time_zone = "America/New_York"', "", "company.time_zone: missing"),
        ("month = 2", "month = 13", "got 13, a month from 1 to 12 expected"),
        ("month = 2", 'month = "2"', "got '2' (str), a whole number expected"),
        ('"USD"', '"dollars"', "a three-letter code such as USD expected"),
        ('type = "files"', 'type = "file"', "sources.crm.type: got 'file'. Did you mean `files`?"),
        ('type = "files"', "", "sources.crm.type: missing"),
        ('path = "exports/crm"', "", "sources.crm.path: missing"),
        ("as_of = 2017-12-31", 'as_of = "2017-12-31"', "a date without quotes"),
        ("entities.opportunity", "entities.opportunities", "Did you mean `opportunity`?"),
        ('"stage"', '"stagee"', "columns.deal_stage: got 'stagee'. Did you mean `stage`?"),
        ('path = "exports/crm"', 'path = "x"\ndecimal = ";"', 'sources.crm.decimal: got \';\', "." or "," expected'),
        ('path = "exports/crm"', 'path = "x"\nthousands = "."', "thousands: got '.', which is the decimal sign, too"),
        ('path = "exports/crm"', 'path = "x"\ndate_format = "TT.MM.JJJJ"', 'such as "DD.MM.YYYY" or "M/D/YYYY"'),
        ('path = "exports/crm"', 'path = "x"\ntime_zone = "Europe/Berln"', "Did you mean `Europe/Berlin`?"),
        ('path = "exports/crm"', 'path = "x"\ndelimiter = "||"', "got the delimiter '||'. Expected one character"),
        ('path = "exports/crm"', 'path = "x"\nskip_rows = "2"', "a whole number expected"),
        ('path = "exports/crm"', 'path = "x"\nvalues = { stag = { a = "b" } }', "values.stag: unknown column. Did you"),
        ('path = "exports/crm"', 'path = "x"\nvalues = { stage = "b" }', "their value = ours, such as"),
        ('path = "exports/crm"', 'path = "x"\ndefaults = { opportunity = { stag = "b" } }', "Did you mean `stage`?"),
        (
            'path = "exports/crm"',
            'path = "x"\ndefaults = { opportunity = { interval = "month" } }',
            "sources.crm.defaults.opportunity.interval: unknown column. `opportunity` has no such column, but "
            "`subscription`. Write it there.",
        ),
        (
            'path = "exports/crm"',
            'path = "x"\ndefaults = { opportunity = { opportunity_id = "1" } }',
            "a key, of which each row has its own: no default",
        ),
        ("max_delete_rate = 0.2", "max_delete_rate = 20", "a share between 0 and 1"),
        ("max_delete_rate", "max_deletes_rate", "Did you mean `max_delete_rate`?"),
        ("[sources.crm]", "[sources.ledger]", "not a usable name"),
        ("[sources.crm]", "[sources.CRM]", "not a usable name"),
        ('path = "exports/crm"', 'api_key = "sk"', "secrets do not belong in this file"),
        ("[gates]", "[gate]", "gate: unknown key. Did you mean `gates`?"),
        ("[gates]", '[engine]\ntarget = "sparc"\n[gates]', "engine.target: got 'sparc'. Did you mean `spark`?"),
        ("[gates]", '[engine.spark]\ncores = "2"\n[gates]', "engine.spark.cores: got '2', a setting of Spark such as"),
        ("[gates]", '[ledger]\npath = "/mnt/x"\n[gates]', "ledger.path: got '/mnt/x', a bucket such as s3://bucket"),
        ("[gates]", '[ledger]\npath = "s3://id:sk@bucket/x"\n[gates]', "Keys do not belong in this file"),
        ("[company]", "[company", "not valid TOML"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert says in str(caught.value)
    assert "pipeledger.toml" in str(caught.value)
    assert "sk" not in str(caught.value).split()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            'lifecycle_field = "Status__c"',
            "sources.mkt.lifecycle: missing, and lifecycle_field means nothing without it",
        ),
        (
            'lifecycle = { MQL = "mql_at" }',
            "sources.mkt.lifecycle_field: missing, and lifecycle means nothing without it",
        ),
        ('lifecycle_field = "Status__c"\nlifecycle = {}', "sources.mkt.lifecycle: got {}"),
        ('lifecycle_field = "Status__c"\nlifecycle = { MQL = "mql" }', "steps (mql_at, sal_at, sql_at)"),
    ],
)
def test_a_lifecycle_is_a_field_and_its_values_steps(tmp_path: Path, lines: str, says: str) -> None:
    source = '[company]\ntime_zone = "UTC"\n[sources.mkt]\ntype = "marketo"\nbase_url = "https://127.0.0.1"\n'
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, source + lines)
    assert says in str(caught.value)
    right = 'lifecycle_field = "Status__c"\nlifecycle = { MQL = "mql_at", "Ready" = "mql_at" }'
    assert load(tmp_path, source + right).sources["mkt"].options["lifecycle"] == {"MQL": "mql_at", "Ready": "mql_at"}


def test_an_environment_variable_overrides_one_value(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        GOOD,
        {
            "PIPELEDGER_COMPANY__TIME_ZONE": "Europe/Berlin",
            "PIPELEDGER_SOURCES__CRM__AS_OF": "2018-01-01",
            "PIPELEDGER_GATES__MIN_DELETES": "5",
            "PIPELEDGER_HOME": "elsewhere",
        },
    )
    assert config.company.time_zone == "Europe/Berlin"
    assert config.sources["crm"].as_of == date(2018, 1, 1)
    assert config.gates.min_deletes == 5
    assert config.gates.max_delete_rate == 0.2


def test_the_file_is_looked_for_where_the_design_says(tmp_path: Path) -> None:
    here, home, named = tmp_path / "here", tmp_path / "home", tmp_path / "named.toml"
    here.mkdir()
    home.mkdir()
    with pytest.raises(ConfigError, match="pipeledger init"):
        find_config(None, {}, here, home)
    (home / "pipeledger.toml").touch()
    assert find_config(None, {}, here, home) == home / "pipeledger.toml"
    (here / "pipeledger.toml").touch()
    assert find_config(None, {}, here, home) == here / "pipeledger.toml"
    with pytest.raises(ConfigError, match="no such file"):
        find_config(None, {"PIPELEDGER_CONFIG": str(named)}, here, home)
    named.touch()
    assert find_config(None, {"PIPELEDGER_CONFIG": str(named)}, here, home) == named
    assert find_config(here / "pipeledger.toml", {"PIPELEDGER_CONFIG": str(named)}, here, home).parent == here
