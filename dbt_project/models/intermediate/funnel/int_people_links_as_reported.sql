-- One row per as_of_date (the last captured day of a month or fiscal quarter) x record of which
-- other things were known then than are today x kind of link that it had then.
with

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

people as (

    select * from {{ ref('dim_person') }}

),

entries as (

    select * from {{ ref('int_lifecycle_entries') }}

),

numbered as (

    select * from {{ ref('int_people') }}

),

touches as (

    select * from {{ ref('int_first_touches') }}

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

as_of_dates as (

    select max(snapshot_days.snapshot_date) as as_of_date
    from snapshot_days
    group by {{ dbt.date_trunc('month', 'snapshot_days.snapshot_date') }}
    union
    select max(snapshot_days.snapshot_date) as as_of_date
    from snapshot_days
    inner join fiscal_days on snapshot_days.snapshot_date = fiscal_days.date_day
    group by fiscal_days.fiscal_quarter

),

-- Records whose links or creation were not always what they are.
contents as (

    select
        versions.source,
        versions.person_id,
        {{ change_hash([
            'versions.email_digest',
            'versions.converted_person_id',
            'versions.merged_into_person_id',
            'versions.created_at',
        ]) }} as content
    from versions

),

changed as (

    select
        contents.source,
        contents.person_id
    from contents
    group by contents.source, contents.person_id
    having min(contents.content) <> max(contents.content)

),

spans as (

    select
        versions.source,
        versions.person_id,
        versions.email_digest,
        versions.converted_person_id,
        versions.merged_into_person_id,
        {{ business_date('versions.created_at') }} as created_date,
        versions.valid_from,
        coalesce(lead(versions.valid_from) over record, {{ end_of_time() }}) as valid_to
    from versions
    inner join changed
        on versions.source = changed.source and versions.person_id = changed.person_id
    window record as (
        partition by versions.source, versions.person_id
        order by versions.valid_from nulls last
    )

),

-- Links that records had, and have no more.
outdated as (

    {%- for column in ['email_digest', 'converted_person_id', 'merged_into_person_id'] %}
        select
            spans.source,
            spans.person_id,
            {{ "'address'" if column == 'email_digest' else "'record'" }} as kind,
            {{ "''" if column == 'email_digest' else 'spans.source' }} as link_source,
            spans.{{ column }} as link,
            spans.valid_from,
            spans.valid_to
        from spans
        inner join spans as latest
            on
                spans.source = latest.source
                and spans.person_id = latest.person_id
                and latest.valid_to = {{ end_of_time() }}
        where coalesce(spans.{{ column }}, '') <> coalesce(latest.{{ column }}, '')
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

-- Addresses that too many had in the end to link anybody, and who had them when.
crowded as (

    select versions.email_digest
    from versions
    where versions.email_digest is not null
    group by versions.email_digest
    having count(*) > {{ most_carriers() }}

),

carriers as (

    select
        versions.email_digest,
        versions.source,
        versions.person_id,
        min(versions.valid_from) as carried_from
    from versions
    inner join crowded on versions.email_digest = crowded.email_digest
    group by versions.email_digest, versions.source, versions.person_id

),

numbered_carriers as (

    select
        carriers.*,
        row_number() over (
            partition by carriers.email_digest
            order by
                carriers.carried_from nulls last,
                carriers.source nulls last,
                carriers.person_id nulls last
        ) as carrier_number
    from carriers

),

crowds as (

    select
        numbered_carriers.email_digest,
        numbered_carriers.carried_from as crowded_from
    from numbered_carriers
    where numbered_carriers.carrier_number = {{ most_carriers() }} + 1

),

-- A record linked with nobody is a person of its own, so a link says nothing before there are two.
seconds as (

    select
        people.person_key,
        people.first_captured_date,
        row_number() over (
            partition by people.person_key order by people.first_captured_date nulls last
        ) as record_number
    from people
    where people.record_count > 1

),

-- When a person's opportunity is not older than the person, and how old that is became known later.
dated as (

    select
        spans.source,
        spans.person_id,
        max(spans.created_date) as created_date,
        max(spans.valid_from) as changed_from
    from spans
    group by spans.source, spans.person_id

),

converted as (

    select
        people.person_key,
        min(entries.known_from) as known_from,
        min(entries.step_date) as step_date
    from entries
    inner join people on entries.source = people.source and entries.person_id = people.person_id
    where entries.evidence = 'converted'
    group by people.person_key

),

redated as (

    select
        converted.person_key,
        converted.known_from as late_from,
        max(greatest(people.first_captured_date, dated.changed_from)) as late_to
    from converted
    inner join people on converted.person_key = people.person_key
    left join dated on people.source = dated.source and people.person_id = dated.person_id
    group by converted.person_key, converted.known_from, converted.step_date
    having converted.step_date < max(greatest(people.created_date, dated.created_date))

),

first_touches as (

    select
        numbered.person_key,
        -- nothing is told of days before the person was captured
        greatest(touches.touch_date, numbered.first_captured_date) as touch_date,
        greatest(touches.person_known_from, kinds.first_captured_date) as known_from
    from touches
    inner join kinds on touches.kind_number = kinds.kind_number
    inner join numbered on touches.person_number = numbered.person_number
    where
        touches.touch_date < greatest(touches.person_known_from, kinds.first_captured_date)

),

-- From when to when something else was known of a record than is today. What an entry corrects was
-- dated later, so it was known meanwhile.
late_records as (

    select
        entries.source,
        entries.person_id,
        entries.step_date as late_from,
        entries.known_from as late_to
    from entries
    where entries.known_to = {{ end_of_time() }}
    union all
    -- a record that had such a link, and all that ever had it
    select
        versions.source,
        versions.person_id,
        outdated.valid_from as late_from,
        outdated.valid_to as late_to
    from outdated
    inner join versions
        on outdated.kind = 'address' and outdated.link = versions.email_digest
    union all
    select
        versions.source,
        versions.person_id,
        outdated.valid_from as late_from,
        outdated.valid_to as late_to
    from outdated
    inner join versions
        on
            outdated.kind = 'record'
            and outdated.link_source = versions.source
            and outdated.link
            in (versions.person_id, versions.converted_person_id, versions.merged_into_person_id)
    union all
    select
        carriers.source,
        carriers.person_id,
        carriers.carried_from as late_from,
        crowds.crowded_from as late_to
    from carriers
    inner join crowds on carriers.email_digest = crowds.email_digest

),

-- Nothing is told of days before a person was captured: of one with a single record, that is plain.
late_people as (

    select
        people.person_key,
        case
            when people.record_count = 1
                then greatest(late_records.late_from, people.first_captured_date)
            else late_records.late_from
        end as late_from,
        late_records.late_to
    from late_records
    inner join people
        on late_records.source = people.source and late_records.person_id = people.person_id
    union all
    select
        people.person_key,
        greatest(outdated.valid_from, seconds.first_captured_date) as late_from,
        outdated.valid_to as late_to
    from outdated
    inner join people
        on outdated.source = people.source and outdated.person_id = people.person_id
    inner join seconds on people.person_key = seconds.person_key and seconds.record_number = 2
    where outdated.link is null
    union all
    -- a record that joins others, before it was captured
    select
        people.person_key,
        seconds.first_captured_date as late_from,
        max(people.first_captured_date) as late_to
    from people
    inner join seconds on people.person_key = seconds.person_key and seconds.record_number = 2
    where people.record_count > 2
    group by people.person_key, seconds.first_captured_date
    union all
    select
        redated.person_key,
        redated.late_from,
        redated.late_to
    from redated
    union all
    select
        first_touches.person_key,
        first_touches.touch_date as late_from,
        first_touches.known_from as late_to
    from first_touches

),

-- Only what lasted over the end of a month or quarter can have changed a report.
late as (

    select distinct
        late_people.person_key,
        as_of_dates.as_of_date
    from late_people
    inner join as_of_dates
        on
            late_people.late_from <= as_of_dates.as_of_date
            and late_people.late_to > as_of_dates.as_of_date
    where late_people.late_from < late_people.late_to

),

-- The records of that day, as they were last seen by then.
standing as (

    select
        late.as_of_date,
        people.source,
        people.person_id,
        late.person_key as later_person_key,
        max(versions.valid_from) as valid_from
    from late
    inner join people on late.person_key = people.person_key
    inner join versions
        on
            people.source = versions.source
            and people.person_id = versions.person_id
            and late.as_of_date >= versions.valid_from
    group by late.as_of_date, people.source, people.person_id, late.person_key

),

records as (

    select
        standing.*,
        versions.email_digest,
        versions.converted_person_id,
        versions.merged_into_person_id,
        {{ business_date('versions.created_at') }} as created_date
    from standing
    inner join versions
        on
            standing.source = versions.source
            and standing.person_id = versions.person_id
            and standing.valid_from = versions.valid_from

),

link_kinds as (

    {%- for kind in ['person_id', 'converted_person_id', 'merged_into_person_id', 'address'] %}
        select '{{ kind }}' as kind
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

linked as (

    select
        records.as_of_date,
        records.source,
        records.person_id,
        link_kinds.kind,
        case
            {%- for column in ['person_id', 'converted_person_id', 'merged_into_person_id'] %}
                when link_kinds.kind = '{{ column }}'
                    then 'record/' || records.source || '/' || records.{{ column }}
            {%- endfor %}
            when link_kinds.kind = 'address' and crowds.email_digest is null
                then 'address/' || records.email_digest
        end as link,
        records.later_person_key,
        records.created_date
    from records
    cross join link_kinds
    left join crowds
        on
            records.email_digest = crowds.email_digest
            and records.as_of_date >= crowds.crowded_from

),

links as (

    select linked.*
    from linked
    where linked.link is not null

)

select * from links
