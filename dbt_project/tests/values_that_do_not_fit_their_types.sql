-- Values of columns that were mapped after they had been captured, and do not fit.
-- depends_on: {{ ref('stg_opportunity') }} (what staging cannot cast is lost from there on)
{%- set entities = {
    'account': {'source_segment': 'segment'},
    'activity': {},
    'campaign': {},
    'customer': {},
    'customer_health': {'health_source': 'source'},
    'forecast_submission': {'source_amount': 'amount'},
    'invoice': {'source_amount': 'amount'},
    'opportunity': {
        'source_stage': 'stage',
        'source_amount': 'amount',
        'source_probability': 'probability',
        'source_expected_amount': 'expected_revenue',
        'source_forecast_category': 'forecast_category',
    },
    'opportunity_change': {},
    'opportunity_contact_role': {},
    'person': {},
    'quota': {},
    'subscription': {
        'source_amount': 'amount',
        'source_list_amount': 'list_amount',
        'billing_interval': 'interval',
    },
    'team_pipeline': {'source_amount': 'amount'},
    'ticket': {},
    'touch': {},
    'user': {},
} %}
{%- for entity, canonical in entities.items() %}
    select finding
    from (
        {{ unfit_values(entity, canonical) }}
    ) as {{ entity }}_values
    {%- if not loop.last %}
        union all
    {%- endif %}
{%- endfor %}
