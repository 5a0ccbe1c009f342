-- A version that ends before it begins, or begins before the one before it ends.
select
    opportunities.source,
    opportunities.opportunity_id,
    history.valid_from,
    history.valid_to,
    history.previous_valid_to
from {{ ref('int_opportunity_history') }} as history
inner join {{ ref('int_opportunities') }} as opportunities
    on history.opportunity_key = opportunities.opportunity_key
where
    history.valid_to <= history.valid_from
    or history.valid_from < history.previous_valid_to
