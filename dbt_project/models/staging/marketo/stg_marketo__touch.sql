-- One row per activity of Marketo that is a touch.
with recursive

activities as (

    {{ vendor_rows('marketo', 'touch', 'activity') }}

),

smart_campaigns as (

    {{ vendor_rows('marketo', 'touch', 'campaign') }}

),

forms as (

    {{ vendor_rows('marketo', 'touch', 'form') }}

),

-- As last known, whether they are still there or not.
latest_smart_campaigns as (

    select
        smart_campaigns.source,
        smart_campaigns.smart_campaign_id,
        smart_campaigns.program_id,
        row_number() over (
            partition by smart_campaigns.source, smart_campaigns.smart_campaign_id
            order by smart_campaigns.valid_from desc nulls last
        ) as newest
    from smart_campaigns
    where smart_campaigns._pl_change = 'upsert'

),

latest_forms as (

    select
        forms.source,
        forms.form_id,
        forms.program_id,
        row_number() over (
            partition by forms.source, forms.form_id
            order by forms.valid_from desc nulls last
        ) as newest
    from forms
    where forms._pl_change = 'upsert'

),

{{ marketo_merges() }},

-- The lead in which a merged one ended up. Its touches went with it.
holders as (

    select
        merged_leads.source,
        merged_leads.merged_person_id,
        merged_leads.person_id,
        row_number() over (
            partition by merged_leads.source, merged_leads.merged_person_id
            order by merged_leads.merge_count desc
        ) as last_merge
    from merged_leads

),

-- Of the changes of a program's status, those count that the program counts as its success.
touches as (

    select
        -- ids
        activities.source,
        activities.touch_id,
        coalesce(holders.person_id, activities.person_id) as person_id,
        case activities.activity_name
            when 'Change Status in Progression' then activities.asset_id
            when 'Fill Out Form'
                then coalesce(latest_forms.program_id, latest_smart_campaigns.program_id)
            else latest_smart_campaigns.program_id
        end as campaign_id,

        -- attributes
        case activities.activity_name
            when 'Change Status in Progression' then activities.new_status
            when 'Fill Out Form' then 'form_fill'
            when 'Click Email' then 'email_click'
            else activities.activity_name
        end as touch_type,

        -- timestamps
        activities.touched_at,

        -- the version
        activities.valid_from,
        activities.valid_to,
        activities._pl_change,
        activities._pl_origin
    from activities
    left join latest_smart_campaigns
        on
            activities.source = latest_smart_campaigns.source
            and activities.smart_campaign_id = latest_smart_campaigns.smart_campaign_id
            and latest_smart_campaigns.newest = 1
    left join latest_forms
        on
            activities.source = latest_forms.source
            and activities.asset_id = latest_forms.form_id
            and latest_forms.newest = 1
    left join holders
        on
            activities.source = holders.source
            and activities.person_id = holders.merged_person_id
            and holders.last_merge = 1
    where
        activities.activity_name <> 'Merge Leads'
        and (
            activities.activity_name <> 'Change Status in Progression'
            or activities.is_success
        )

)

select * from touches
