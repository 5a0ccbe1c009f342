-- One row per line of a team's own list of opportunities.
with

conformed as (

    {{ conform('team_pipeline', {
        'source_amount': 'amount',
    }) }}

)

select * from conformed
