-- One row per opportunity x version, absences included: a version ends when any of its columns changes.
with

pieces as (

    select
        int_opportunity_pieces.*,
        {{ change_hash(history_column_types().keys() | list + ['amount']) }} as content
    from {{ ref('int_opportunity_pieces') }} as int_opportunity_pieces

),

-- Narrow: wide rows in a window cost twice the memory of their keys and a join back.
compared as (

    select
        pieces.source,
        pieces.opportunity_id,
        pieces.valid_from,
        pieces.valid_to,
        pieces.content,
        lag(pieces.content) over (
            partition by pieces.source, pieces.opportunity_id
            order by pieces.valid_from nulls last
        ) as previous_content,
        lag(pieces.valid_to) over (
            partition by pieces.source, pieces.opportunity_id
            order by pieces.valid_from nulls last
        ) as previous_valid_to,
        max(pieces.valid_to) over (
            partition by pieces.source, pieces.opportunity_id
        ) as last_valid_to
    from pieces

),

-- A version starts where its neighbour before it differs, or is missing; it ends where the last piece like it does.
versions as (

    select
        compared.source,
        compared.opportunity_id,
        compared.valid_from,
        cast(coalesce(
            lead(compared.previous_valid_to) over (
                partition by compared.source, compared.opportunity_id
                order by compared.valid_from nulls last
            ),
            compared.last_valid_to
        ) as date) as valid_to
    from compared
    where
        compared.previous_valid_to is null
        or compared.previous_valid_to <> compared.valid_from
        or compared.previous_content <> compared.content

),

history as (

    select
        {{ history_columns('pieces') }},
        pieces.amount,
        versions.valid_from,
        versions.valid_to,
        versions.valid_to = {{ end_of_time() }} as is_current,
        pieces.stage_category = 'open' as is_open,
        pieces.stage_category = 'won' as is_won
    from versions
    inner join pieces
        on
            versions.source = pieces.source
            and versions.opportunity_id = pieces.opportunity_id
            and versions.valid_from = pieces.valid_from

)

select * from history
