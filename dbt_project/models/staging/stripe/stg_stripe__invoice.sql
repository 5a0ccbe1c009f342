-- One row per invoice of Stripe x version, tombstones included.
with

renamed as (

    {{ vendor_rows('stripe', 'invoice', 'invoice') }}

),

invoices as (

    select
        renamed.source,
        renamed.invoice_id,
        renamed.customer_id,
        renamed.subscription_id,
        coalesce(renamed.issued_at, renamed.created_at) as issued_at,
        renamed.paid_at,
        {{ stripe_money('renamed.total', 'renamed.currency_code') }} as amount,
        upper(renamed.currency_code) as currency_code,
        renamed.status,
        renamed.valid_from,
        renamed.valid_to,
        renamed._pl_change,
        renamed._pl_origin
    from renamed

)

select * from invoices
