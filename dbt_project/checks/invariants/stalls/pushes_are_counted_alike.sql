-- Open opportunities whose pushes the stall rule counts otherwise than fct_opportunity_current.
select
    signals.source,
    signals.opportunity_id,
    signals.observed_value,
    opportunities.push_count
from {{ ref('fct_stall_signals') }} as signals
inner join {{ ref('fct_opportunity_current') }} as opportunities
    on
        signals.source = opportunities.source
        and signals.opportunity_id = opportunities.opportunity_id
where
    signals.rule = 'close_date_pushed'
    and signals.observed_value <> opportunities.push_count
