-- One row per fiscal quarter x segment x purpose x match x dimension x its value, `(all)` and
-- `(untouched)` included: what each model gives to it, today and as it was reported.
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
{%- set models = ['first', 'last', 'linear', 'position'] %}
{%- set dimensions = {
    'channel': 'channel', 'campaign': 'campaign_id', 'touch_type': 'touch_type',
} %}
{%- set place = ['fiscal_quarter', 'segment', 'purpose'] %}
{%- set measures = [
    'opportunities', 'influenced_amount', 'untouched_amount', 'booked_amount',
    'lead_source_amount', 'creation_amount', 'before_sales_amount',
] %}
with

conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

touches as (

    select * from {{ ref('int_attribution_touches') }}

),

sourcing as (

    select * from {{ ref('int_attribution_sourcing') }}

),

-- What a touch is given today, and, where that was another amount or channel, when it was reported.
credits as (

    {%- for match in matches %}
        {%- for side, prefix in {'restated': '', 'reported': 'reported_'}.items() %}
            select
                {%- for model in models %}
                    {{ attributed_amount(
                        model,
                        'conversions.amount',
                        'touches.' ~ prefix ~ match ~ '_position',
                        'touches.' ~ prefix ~ match ~ '_count',
                    ) }} as {{ model }}_amount,
                {%- endfor %}
                touches.conversion_key,
                '{{ match }}' as match,
                {{ 'true' if side == 'restated' else 'false' }} as is_restated,
                coalesce(
                    touches.{{ match }}_position = touches.reported_{{ match }}_position
                    and touches.{{ match }}_count = touches.reported_{{ match }}_count
                    and coalesce(touches.channel, '') = coalesce(touches.reported_channel, ''),
                    false
                ) as is_same,
                coalesce({{ 'touches.' ~ prefix ~ 'channel' }}, '(none)') as channel,
                coalesce(touches.campaign_id, '(none)') as campaign_id,
                coalesce(touches.touch_type, '(none)') as touch_type
            from touches
            inner join conversions on touches.conversion_key = conversions.conversion_key
            where
                {{ 'touches.' ~ prefix ~ match }}_position is not null
            {%- if not loop.last %}
                union all
            {%- endif %}
        {%- endfor %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

valued as (

    {%- for dimension, column in dimensions.items() %}
        select
            {%- for column in place %}
                conversions.{{ column }},
            {%- endfor %}
            credits.match,
            {%- for model in models %}
                sum(case when credits.is_restated then credits.{{ model }}_amount else 0 end)
                    as {{ model }}_amount,
                sum(
                    case
                        when credits.is_same or not credits.is_restated
                            then credits.{{ model }}_amount
                        else 0
                    end
                ) as reported_{{ model }}_amount,
            {%- endfor %}
            '{{ dimension }}' as dimension,
            credits.{{ column }} as dimension_value
        from credits
        inner join conversions on credits.conversion_key = conversions.conversion_key
        where credits.is_restated or not credits.is_same
        group by
            {%- for column in place %}
                conversions.{{ column }},
            {%- endfor %}
            credits.match,
            credits.{{ column }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

-- An opportunity counts once for each value that touched it.
influenced as (

    {%- for dimension, column in dimensions.items() %}
        select
            credits.conversion_key,
            credits.match,
            '{{ dimension }}' as dimension,
            credits.{{ column }} as dimension_value
        from credits
        where credits.is_restated
        group by credits.conversion_key, credits.match, credits.{{ column }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

influence as (

    select
        {%- for column in place %}
            conversions.{{ column }},
        {%- endfor %}
        influenced.match,
        influenced.dimension,
        influenced.dimension_value,
        count(*) as opportunities,
        sum(conversions.amount) as influenced_amount
    from influenced
    inner join conversions on influenced.conversion_key = conversions.conversion_key
    group by
        {%- for column in place %}
            conversions.{{ column }},
        {%- endfor %}
        influenced.match,
        influenced.dimension,
        influenced.dimension_value

),

totals as (

    select
        {%- for column in place %}
            conversions.{{ column }},
        {%- endfor %}
        count(conversions.restated_date) as opportunities,
        count(conversions.reported_date) as reported_opportunities,
        {%- for side in ['restated', 'reported'] %}
            sum(
                case when conversions.{{ side }}_date is not null then conversions.amount else 0 end
            ) as {{ side }}_amount,
        {%- endfor %}
        sum(coalesce(conversions.booked_amount, 0)) as booked_amount,
        sum(
            case
                when
                    conversions.restated_date is not null
                    and conversions.is_lead_source_of_marketing
                    then conversions.amount
                else 0
            end
        ) as lead_source_amount
    from conversions
    group by conversions.fiscal_quarter, conversions.segment, conversions.purpose

),

touched as (

    select
        {%- for column in place %}
            conversions.{{ column }},
        {%- endfor %}
        {%- for side in ['restated', 'reported'] %}
            count(*) filter (where sourcing.side = '{{ side }}') as {{ side }}_opportunities,
            sum(case when sourcing.side = '{{ side }}' then conversions.amount else 0 end)
                as {{ side }}_amount,
        {%- endfor %}
        {%- for rule, flag in {
            'creation': 'is_touched_at_creation', 'before_sales': 'is_touched_before_sales',
        }.items() %}
            sum(
                case
                    when sourcing.side = 'restated' and sourcing.{{ flag }}
                        then conversions.amount
                    else 0
                end
            ) as {{ rule }}_amount,
        {%- endfor %}
        sourcing.match
    from sourcing
    inner join conversions on sourcing.conversion_key = conversions.conversion_key
    group by
        {%- for column in place %}
            conversions.{{ column }},
        {%- endfor %}
        sourcing.match

),

-- What is touched, and what is not.
wholes as (

    {%- for match in matches %}
        select
            totals.*,
            '{{ match }}' as match,
            totals.opportunities - coalesce(touched.restated_opportunities, 0)
                as untouched_opportunities,
            totals.reported_opportunities - coalesce(touched.reported_opportunities, 0)
                as reported_untouched_opportunities,
            coalesce(touched.restated_amount, 0) as touched_amount,
            coalesce(touched.reported_amount, 0) as reported_touched_amount,
            coalesce(touched.creation_amount, 0) as creation_amount,
            coalesce(touched.before_sales_amount, 0) as before_sales_amount
        from totals
        left join touched
            on
                {%- for column in place %}
                    totals.{{ column }} = touched.{{ column }} and
                {%- endfor %}
                touched.match = '{{ match }}'
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

in_segments as (

    select
        {%- for column in place + ['match'] %}
            valued.{{ column }},
        {%- endfor %}
        {%- for model in models %}
            valued.{{ model }}_amount,
            valued.reported_{{ model }}_amount,
        {%- endfor %}
        coalesce(influence.opportunities, 0) as opportunities,
        coalesce(influence.influenced_amount, 0) as influenced_amount,
        {%- for measure in measures[2:] %}
            0 as {{ measure }},
        {%- endfor %}
        valued.dimension,
        valued.dimension_value
    from valued
    left join influence
        on
            {%- for column in place + ['match', 'dimension'] %}
                valued.{{ column }} = influence.{{ column }} and
            {%- endfor %}
            valued.dimension_value = influence.dimension_value
    {%- for dimension in dimensions %}
        union all
        select
            {%- for column in place + ['match'] %}
                wholes.{{ column }},
            {%- endfor %}
            {%- for model in models %}
                wholes.restated_amount - wholes.touched_amount as {{ model }}_amount,
                wholes.reported_amount - wholes.reported_touched_amount
                    as reported_{{ model }}_amount,
            {%- endfor %}
            wholes.untouched_opportunities as opportunities,
            0 as influenced_amount,
            wholes.restated_amount - wholes.touched_amount as untouched_amount,
            {%- for measure in measures[3:] %}
                0 as {{ measure }},
            {%- endfor %}
            '{{ dimension }}' as dimension,
            '(untouched)' as dimension_value
        from wholes
        where wholes.untouched_opportunities + wholes.reported_untouched_opportunities > 0
    {%- endfor %}
    union all
    select
        {%- for column in place + ['match'] %}
            wholes.{{ column }},
        {%- endfor %}
        {%- for model in models %}
            wholes.restated_amount as {{ model }}_amount,
            wholes.reported_amount as reported_{{ model }}_amount,
        {%- endfor %}
        wholes.opportunities,
        wholes.touched_amount as influenced_amount,
        wholes.restated_amount - wholes.touched_amount as untouched_amount,
        {%- for measure in measures[3:] %}
            wholes.{{ measure }},
        {%- endfor %}
        '(all)' as dimension,
        '(all)' as dimension_value
    from wholes

),

cells as (

    {{ with_all(
        'in_segments',
        all_of=['segment'],
        others=['fiscal_quarter', 'purpose', 'match', 'dimension', 'dimension_value'],
        sums=measures + [
            'first_amount', 'last_amount', 'linear_amount', 'position_amount',
            'reported_first_amount', 'reported_last_amount', 'reported_linear_amount',
            'reported_position_amount',
        ],
    ) }}

)

select * from cells
