-- One row per customer of Stripe x version, tombstones included.
with

renamed as (

    {{ vendor_rows('stripe', 'customer', 'customer') }}

),

customers as (

    select
        renamed.source,
        renamed.customer_id,
        renamed.customer_name,
        coalesce(
            renamed.account_id,
            renamed.salesforce_account_id,
            renamed.hubspot_company_id
        ) as account_id,
        renamed.domain,
        upper(renamed.currency_code) as currency_code,
        renamed.created_at,
        renamed.valid_from,
        renamed.valid_to,
        renamed._pl_change,
        renamed._pl_origin
    from renamed

)

select * from customers
