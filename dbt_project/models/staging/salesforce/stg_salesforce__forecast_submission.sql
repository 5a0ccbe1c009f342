-- One row per forecast of Salesforce x version, tombstones included. One in pieces is none in
-- money.
with

renamed as (

    {{ vendor_rows('salesforce', 'forecast_submission', 'forecasting_item') }}

),

submissions as (

    select
        renamed.source,
        renamed.submission_id,
        renamed.owner_id,
        renamed.team,
        renamed.period_start_date,
        renamed.period_end_date,

        -- a cumulative call holds what is better and what is won; any other is its own alone
        case renamed.forecast_category
            when 'CommitForecast' then 'commit'
            when 'MostLikelyForecast' then 'most_likely'
            when 'BestCaseForecast' then 'best_case'
            when 'OpenPipeline' then 'pipeline'
            when 'ClosedOnly' then 'closed'
            when 'CommitOnly' then 'commit_only'
            when 'MostLikelyOnly' then 'most_likely_only'
            when 'BestCaseOnly' then 'best_case_only'
            when 'PipelineOnly' then 'pipeline_only'
            else coalesce(renamed.forecast_category, lower(renamed.category_name))
        end as forecast_category,
        renamed.amount,
        renamed.currency_code,
        renamed.submitted_at,
        renamed.valid_from,
        renamed.valid_to,
        renamed._pl_change,
        renamed._pl_origin
    from renamed
    where renamed._pl_change = 'delete' or coalesce(renamed.is_amount, true)

)

select * from submissions
