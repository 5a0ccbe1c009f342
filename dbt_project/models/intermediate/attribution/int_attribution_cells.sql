-- One row per fiscal quarter x segment x purpose x match x dimension x its value, `(all)` and
-- `(untouched)` included: what each model gives to it, today and as it was reported.
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
{%- set models = ['first', 'last', 'linear', 'position'] %}
{%- set dimensions = {
    'channel': 'channel', 'campaign': 'campaign_id', 'touch_type': 'touch_type',
} %}
{%- set channel_of = {'restated': 'true', 'reported': 'given.is_channel_reported'} %}
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

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

sourcing as (

    select * from {{ ref('int_attribution_sourcing') }}

),

-- A number for each quarter, segment and purpose: that of its first conversion.
places as (

    select
        conversions.fiscal_quarter,
        conversions.segment,
        conversions.purpose,
        min(conversions.conversion_key) as place_key
    from conversions
    group by conversions.fiscal_quarter, conversions.segment, conversions.purpose

),

placed as (

    select
        conversions.conversion_key,
        places.place_key,
        conversions.amount,
        conversions.reported_date
    from conversions
    inner join places
        on
            conversions.fiscal_quarter = places.fiscal_quarter
            and conversions.segment = places.segment
            and conversions.purpose = places.purpose

),

-- What touches of a kind are given today and, where that was another amount, when it was reported.
-- The channel that was reported is none where its campaign was captured later.
given as (

    {%- for match in matches %}
        {%- set way = 'account' if match == 'account' else 'opportunity' %}
        {%- set is_same = 'coalesce(touches.%s_position = touches.reported_%s_position'
            ' and touches.%s_count = touches.reported_%s_count, false)' | replace('%s', match) %}
        {%- for prefix in ['', 'reported_'] %}
            {%- set position = 'touches.' ~ prefix ~ match ~ '_position' %}
            select
                placed.place_key,
                touches.kind_number,
                coalesce(placed.reported_date >= kinds.first_captured_date, false)
                    as is_channel_reported,
                {{ 'true' if prefix == '' else 'false' }} as is_restated,
                {{ is_same if prefix == '' else 'true' }} as is_reported,
                {%- for model in models %}
                    sum({{ attributed_amount(
                        model,
                        'placed.amount',
                        position,
                        'touches.' ~ prefix ~ match ~ '_count',
                    ) }}) as {{ model }}_amount,
                {%- endfor %}
                '{{ match }}' as match
            from touches
            inner join placed on touches.conversion_key = placed.conversion_key
            inner join kinds on touches.kind_number = kinds.kind_number
            where
                touches.reached_by = '{{ way }}'
                and {{ position }} is not null
                {%- if prefix != '' %}
                    and not {{ is_same }}
                {%- endif %}
            group by
                placed.place_key,
                touches.kind_number,
                {%- if prefix == '' %}
                    {{ is_same }},
                {%- endif %}
                coalesce(placed.reported_date >= kinds.first_captured_date, false)
            {%- if not loop.last %}
                union all
            {%- endif %}
        {%- endfor %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

-- Both sides, each by its own channel.
sides as (

    {%- for side in ['restated', 'reported'] %}
        select
            given.match,
            given.place_key,
            case when {{ channel_of[side] }} then kinds.channel end as channel,
            kinds.campaign_id,
            {%- for model in models %}
                {%- for other, prefix in {'restated': '', 'reported': 'reported_'}.items() %}
                    {{ 'given.' ~ model ~ '_amount' if side == other else '0' }}
                        as {{ prefix }}{{ model }}_amount,
                {%- endfor %}
            {%- endfor %}
            kinds.touch_type
        from given
        inner join kinds on given.kind_number = kinds.kind_number
        where given.is_{{ side }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

valued as (

    {%- for dimension, column in dimensions.items() %}
        select
            {%- for column in place %}
                places.{{ column }},
            {%- endfor %}
            sides.match,
            {%- for model in models %}
                sum(sides.{{ model }}_amount) as {{ model }}_amount,
                sum(sides.reported_{{ model }}_amount) as reported_{{ model }}_amount,
            {%- endfor %}
            '{{ dimension }}' as dimension,
            coalesce(sides.{{ column }}, '(none)') as dimension_value
        from sides
        inner join places on sides.place_key = places.place_key
        group by
            {%- for column in place %}
                places.{{ column }},
            {%- endfor %}
            sides.match,
            coalesce(sides.{{ column }}, '(none)')
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

named as (

    select
        {%- for column in dimensions.values() %}
            coalesce(kinds.{{ column }}, '(none)') as {{ column }},
        {%- endfor %}
        kinds.kind_number
    from kinds

),

-- Numbers for the values of each dimension.
numbered as (

    select
        {%- for column in dimensions.values() %}
            cast(dense_rank() over (order by named.{{ column }} nulls last) as integer)
                as {{ column }}_number,
        {%- endfor %}
        named.*
    from named

),

-- An opportunity counts once for each value that touched it.
influenced as (

    {%- for match in matches %}
        {%- for dimension, column in dimensions.items() %}
            select
                touches.conversion_key,
                '{{ match }}' as match,
                '{{ dimension }}' as dimension,
                numbered.{{ column }}_number as value_number
            from touches
            inner join numbered on touches.kind_number = numbered.kind_number
            where
                touches.reached_by = '{{ 'account' if match == 'account' else 'opportunity' }}'
                and touches.{{ match }}_position is not null
            group by touches.conversion_key, numbered.{{ column }}_number
            {%- if not loop.last %}
                union all
            {%- endif %}
        {%- endfor %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

influence_by_number as (

    select
        placed.place_key,
        influenced.match,
        influenced.dimension,
        influenced.value_number,
        count(*) as opportunities,
        sum(placed.amount) as influenced_amount
    from influenced
    inner join placed on influenced.conversion_key = placed.conversion_key
    group by
        placed.place_key, influenced.match, influenced.dimension, influenced.value_number

),

dimension_values as (

    {%- for dimension, column in dimensions.items() %}
        select distinct
            '{{ dimension }}' as dimension,
            numbered.{{ column }}_number as value_number,
            numbered.{{ column }} as dimension_value
        from numbered
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

influence as (

    select
        {%- for column in place %}
            places.{{ column }},
        {%- endfor %}
        influence_by_number.match,
        influence_by_number.dimension,
        dimension_values.dimension_value,
        influence_by_number.opportunities,
        influence_by_number.influenced_amount
    from influence_by_number
    inner join places on influence_by_number.place_key = places.place_key
    inner join dimension_values
        on
            influence_by_number.dimension = dimension_values.dimension
            and influence_by_number.value_number = dimension_values.value_number

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
