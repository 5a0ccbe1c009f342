-- A version that ends before it begins, or begins before the one before it ends.
select
    opportunity_key,
    valid_from,
    valid_to,
    previous_valid_to
from {{ ref('int_opportunity_history') }}
where valid_to <= valid_from or valid_from < previous_valid_to
