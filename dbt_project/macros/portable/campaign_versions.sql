{#-
    The CTE `campaign_versions` for a model that has `campaigns` (as stg_campaign, without
    tombstones). Before its first captured day a campaign is what it was then; one that is gone is
    what it was last.
-#}
{% macro campaign_versions() -%}
    campaign_versions as (

        select
            campaigns.source,
            campaigns.campaign_id,
            campaigns.channel,
            min(campaigns.valid_from) over versions as first_captured_date,
            case
                when lag(campaigns.valid_from) over versions is null
                    then {{ beginning_of_time() }}
                else campaigns.valid_from
            end as valid_from,
            coalesce(lead(campaigns.valid_from) over versions, {{ end_of_time() }}) as valid_to
        from campaigns
        window versions as (
            partition by campaigns.source, campaigns.campaign_id
            order by campaigns.valid_from nulls last
        )

    )
{%- endmacro %}
