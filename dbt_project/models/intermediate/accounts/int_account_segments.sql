-- One row per account x valid_from: the segment that the account's columns and the rules of the day
-- give it.
with

accounts as (

    select * from {{ ref('stg_account') }}
    where not is_tombstone

),

rules as (

    select * from {{ ref('int_account_segment_rules') }}

),

-- An account's version as each rule in force sees it: the rule's column as text and, where it is
-- one, as number.
judged as (

    select
        accounts.source,
        accounts.account_id,
        accounts.source_segment,
        greatest(accounts.valid_from, rules.period_from) as valid_from,
        least(accounts.valid_to, rules.period_to) as valid_to,
        rules.segment,
        rules.rule_operator,
        rules.rule_value,
        rules.rule_number,
        rules.rule_list,
        rules.rule_rank,
        case rules.rule_column
            when 'account_id' then accounts.account_id
            when 'account_name' then accounts.account_name
            when 'segment' then accounts.source_segment
            when 'industry' then accounts.industry
            when 'region' then accounts.region
            when 'employee_count'
                then cast(accounts.employee_count as {{ dbt.type_string() }})
            when 'parent_account_id' then accounts.parent_account_id
            when 'owner_id' then accounts.owner_id
            when 'website' then accounts.website
            when 'billing_customer_id' then accounts.billing_customer_id
            when 'is_target_account'
                then
                    case
                        when accounts.is_target_account then 'true'
                        when not accounts.is_target_account then 'false'
                    end
        end as account_value
    from accounts
    inner join rules
        on accounts.valid_from < rules.period_to and accounts.valid_to > rules.period_from

),

measured as (

    select
        judged.*,
        {{ cast_from_ledger('judged.account_value', 'string', 'decimal(38, 6)') }}
            as account_number,
        judged.account_value = judged.rule_value
        or coalesce(
            {{ cast_from_ledger('judged.account_value', 'string', 'decimal(38, 6)') }}
            = judged.rule_number,
            false
        ) as is_equal
    from judged

),

matches as (

    select
        measured.source,
        measured.account_id,
        measured.source_segment,
        measured.valid_from,
        measured.valid_to,
        max(measured.rule_operator) is not null as has_rules,
        min(case
            when measured.rule_operator = 'is_null' and measured.account_value is null
                then measured.rule_rank
            when measured.rule_operator = '=' and measured.is_equal then measured.rule_rank
            when measured.rule_operator = '!=' and not measured.is_equal then measured.rule_rank
            when measured.rule_operator = 'in'
                and {{ dbt.position(
                    "'|' || measured.account_value || '|'", 'measured.rule_list'
                ) }} > 0 then measured.rule_rank
            when measured.rule_operator = '<'
                and measured.account_number < measured.rule_number then measured.rule_rank
            when measured.rule_operator = '<='
                and measured.account_number <= measured.rule_number then measured.rule_rank
            when measured.rule_operator = '>'
                and measured.account_number > measured.rule_number then measured.rule_rank
            when measured.rule_operator = '>='
                and measured.account_number >= measured.rule_number then measured.rule_rank
        end) as rule_rank
    from measured
    group by
        measured.source,
        measured.account_id,
        measured.source_segment,
        measured.valid_from,
        measured.valid_to

),

named as (

    select
        matches.source,
        matches.account_id,
        matches.valid_from,
        matches.valid_to,
        coalesce(
            case
                when matches.has_rules then rules.segment
                else nullif(trim(matches.source_segment), '')
            end,
            '(unassigned)'
        ) as segment
    from matches
    left join rules
        on
            matches.rule_rank = rules.rule_rank
            and matches.valid_from >= rules.period_from
            and matches.valid_from < rules.period_to

)

select * from named
