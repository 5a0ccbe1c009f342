-- One row per as_of_date (the last captured day of a month or fiscal quarter) x record of which
-- other things were known then than are today x kind of link that it had then.
with

captured_versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

captured as (

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
    where is_first_of_person

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

as_of_dates as (

    select * from {{ ref('int_as_of_dates') }}

),

people as (

    select
        numbered.person_number,
        numbered.record_number,
        captured.source,
        captured.person_id,
        captured.person_key,
        captured.record_count,
        captured.created_date,
        captured.first_captured_date
    from captured
    inner join numbered
        on captured.source = numbered.source and captured.person_id = numbered.person_id

),

versions as (

    select
        people.record_number,
        captured_versions.source,
        captured_versions.person_id,
        captured_versions.email_digest,
        captured_versions.converted_person_id,
        captured_versions.merged_into_person_id,
        captured_versions.created_at,
        captured_versions.valid_from
    from captured_versions
    inner join people
        on
            captured_versions.source = people.source
            and captured_versions.person_id = people.person_id

),

-- Records whose links or creation were not always what they are.
contents as (

    select
        versions.record_number,
        {{ change_hash([
            'versions.email_digest',
            'versions.converted_person_id',
            'versions.merged_into_person_id',
            'versions.created_at',
        ]) }} as content
    from versions

),

changed as (

    select contents.record_number
    from contents
    group by contents.record_number
    having min(contents.content) <> max(contents.content)

),

spans as (

    select
        versions.record_number,
        versions.source,
        versions.email_digest,
        versions.converted_person_id,
        versions.merged_into_person_id,
        {{ business_date('versions.created_at') }} as created_date,
        versions.valid_from,
        coalesce(lead(versions.valid_from) over record, {{ end_of_time() }}) as valid_to
    from versions
    inner join changed on versions.record_number = changed.record_number
    window record as (
        partition by versions.record_number order by versions.valid_from nulls last
    )

),

-- Links that records had, and have no more.
outdated as (

    {%- for column in ['email_digest', 'converted_person_id', 'merged_into_person_id'] %}
        select
            spans.record_number,
            {{ "'address'" if column == 'email_digest' else "'record'" }} as kind,
            {{ "''" if column == 'email_digest' else 'spans.source' }} as link_source,
            spans.{{ column }} as link,
            spans.valid_from,
            spans.valid_to
        from spans
        inner join spans as latest
            on
                spans.record_number = latest.record_number
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
        versions.record_number,
        min(versions.valid_from) as carried_from
    from versions
    inner join crowded on versions.email_digest = crowded.email_digest
    group by versions.email_digest, versions.record_number

),

numbered_carriers as (

    select
        carriers.*,
        row_number() over (
            partition by carriers.email_digest
            order by
                carriers.carried_from nulls last,
                carriers.record_number nulls last
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
        people.person_number,
        people.first_captured_date,
        row_number() over (
            partition by people.person_number
            order by people.first_captured_date nulls last, people.record_number nulls last
        ) as place
    from people
    where people.record_count > 1

),

-- When a person's opportunity is not older than the person, and how old that is became known later.
dated as (

    select
        spans.record_number,
        max(spans.created_date) as created_date,
        max(spans.valid_from) as changed_from
    from spans
    group by spans.record_number

),

converted as (

    select
        people.person_number,
        min(entries.known_from) as known_from,
        min(entries.step_date) as step_date
    from entries
    inner join people on entries.record_number = people.record_number
    where entries.evidence = 'converted'
    group by people.person_number

),

redated as (

    select
        converted.person_number,
        converted.known_from as late_from,
        max(greatest(people.first_captured_date, dated.changed_from)) as late_to
    from converted
    inner join people on converted.person_number = people.person_number
    left join dated on people.record_number = dated.record_number
    group by converted.person_number, converted.known_from, converted.step_date
    having converted.step_date < max(greatest(people.created_date, dated.created_date))

),

first_touches as (

    select
        touches.person_number,
        -- nothing is told of days before the person was captured
        greatest(touches.touch_date, people.first_captured_date) as touch_date,
        greatest(touches.person_known_from, kinds.first_captured_date) as known_from
    from touches
    inner join kinds on touches.kind_number = kinds.kind_number
    inner join people on touches.person_number = people.person_number
    where
        touches.touch_date < greatest(touches.person_known_from, kinds.first_captured_date)

),

-- From when to when something else was known of a record than is today. What an entry corrects was
-- dated later, so it was known meanwhile.
late_records as (

    select
        entries.record_number,
        entries.step_date as late_from,
        entries.known_from as late_to
    from entries
    where entries.known_to = {{ end_of_time() }} and entries.step_date < entries.known_from
    union all
    -- a record that had such a link, and all that ever had it
    select
        versions.record_number,
        outdated.valid_from as late_from,
        outdated.valid_to as late_to
    from outdated
    inner join versions
        on outdated.kind = 'address' and outdated.link = versions.email_digest
    union all
    select
        versions.record_number,
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
        carriers.record_number,
        carriers.carried_from as late_from,
        crowds.crowded_from as late_to
    from carriers
    inner join crowds on carriers.email_digest = crowds.email_digest

),

-- Nothing is told of days before a person was captured: of one with a single record, that is plain.
late_people as (

    select
        people.person_number,
        case
            when people.record_count = 1
                then greatest(late_records.late_from, people.first_captured_date)
            else late_records.late_from
        end as late_from,
        late_records.late_to
    from late_records
    inner join people on late_records.record_number = people.record_number
    union all
    select
        people.person_number,
        greatest(outdated.valid_from, seconds.first_captured_date) as late_from,
        outdated.valid_to as late_to
    from outdated
    inner join people on outdated.record_number = people.record_number
    inner join seconds on people.person_number = seconds.person_number and seconds.place = 2
    where outdated.link is null
    union all
    -- a record that joins others, before it was captured
    select
        people.person_number,
        seconds.first_captured_date as late_from,
        max(people.first_captured_date) as late_to
    from people
    inner join seconds on people.person_number = seconds.person_number and seconds.place = 2
    where people.record_count > 2
    group by people.person_number, seconds.first_captured_date
    union all
    select
        redated.person_number,
        redated.late_from,
        redated.late_to
    from redated
    union all
    select
        first_touches.person_number,
        first_touches.touch_date as late_from,
        first_touches.known_from as late_to
    from first_touches

),

-- Only what lasted over the end of a month or quarter can have changed a report.
late as (

    select distinct
        late_people.person_number,
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
        people.record_number,
        max(versions.valid_from) as valid_from
    from late
    inner join people on late.person_number = people.person_number
    inner join versions
        on
            people.record_number = versions.record_number
            and late.as_of_date >= versions.valid_from
    group by late.as_of_date, people.record_number

),

records as (

    select
        standing.as_of_date,
        standing.record_number,
        people.source,
        people.person_id,
        people.person_number as later_person_number,
        people.person_key as later_person_key,
        versions.email_digest,
        versions.converted_person_id,
        versions.merged_into_person_id,
        {{ business_date('versions.created_at') }} as created_date
    from standing
    inner join versions
        on
            standing.record_number = versions.record_number
            and standing.valid_from = versions.valid_from
    inner join people on standing.record_number = people.record_number

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
        records.record_number,
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
        records.later_person_number,
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
