-- One row per rule x fiscal quarter of the landmark x segment x stage x stall days (NULL: not
-- stalled), `(all)` included: opportunities judged, and their outcomes.
with

tallies as (

    select * from {{ ref('int_stall_tallies') }}
    where divided_by = 'stall_days'

),

scoped as (

    {{ with_all(
        'tallies',
        all_of=['fiscal_quarter', 'segment', 'stage'],
        others=['rule', 'stall_days', 'is_stalled'],
        sums=['judged', 'decided', 'won', 'recovery_known', 'recovered', 'amount'],
    ) }}

)

select * from scoped
