-- One row per opportunity that existed on a day, closed ones included, in the columns of fct_opportunity_history.
create or replace macro marts.pipeline_as_of(day) as table
    select *
    from marts.fct_opportunity_history
    where valid_from <= cast(day as date) and valid_to > cast(day as date);
comment on macro table marts.pipeline_as_of is
'One row per opportunity that existed on a day, closed ones included. It has the columns of fct_opportunity_history.';
