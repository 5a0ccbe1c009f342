"""What a template needs to know before its SQL is the same in every company."""

import pytest
from dbt_common.clients.jinja import get_environment

from orchestration.steps.lean_manifest import names_in


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("select 1", set()),
        ("select * from {{ ref('accounts') }}", {"ref"}),
        ("{% for name in range(2) %}{{ spelled(name) }}{% endfor %}", {"spelled"}),
        ("{% macro spelled(name) %}{{ name }}{{ caller() }}{{ varargs }}{% endmacro %}", set()),
        ("{% if ref %}{% set found = 1 %}{% endif %}{{ found }}", {"ref"}),
        ("cast(1 as {{ dbt.type_string() }})", {"type_string"}),
        ("{{ adapter.dispatch('last_day')(1) }}, {{ adapter.quote('x') }}", set()),
        ("{{ adapter.dispatch('last_day')(1) }}, {{ adapter.get_columns_in_relation(1) }}", {"adapter"}),
        ("timezone('{{ var('time_zone') }}', {{ var('base_currency') }})", set()),
        ("{{ var('sources') }}", {"var"}),
        ("{{ var(time_zone) }}", {"var", "time_zone"}),
        ("{{ var('time_zone') }}{{ var('time_zone') | upper }}", {"var"}),
        ("{% if var('base_currency') == 'EUR' %}{{ var('base_currency') }}{% endif %}", {"var"}),
        ("{{ env_var('HOME') }}{{ target.name }}", {"env_var", "target"}),
    ],
)
def test_what_a_template_takes_from_outside(template: str, names: set[str]) -> None:
    assert names_in(get_environment(), template) == names
