{#-
    How Stripe calls what the canonical entities hold: see vendor_fields. Interval, quantity and
    both amounts come from the items of a subscription, which lie in one column.
-#}
{% macro stripe_fields() -%}
    {{ return({
        'customer': {'customer': {
            'customer_id': 'id',
            'customer_name': 'name',
            'account_id': 'metadata_account_id',
            'domain': 'email_domain',
            'currency_code': 'currency',
            'created_at': 'created',
            'salesforce_account_id': ['metadata_salesforce_account_id', 'string', 'account_id'],
            'hubspot_company_id': ['metadata_hubspot_company_id', 'string', 'account_id'],
        }},
        'subscription': {'subscription': {
            'subscription_id': 'id',
            'customer_id': 'customer',
            'account_id': 'metadata_account_id',
            'status': 'status',
            'started_at': 'start_date',
            'ended_at': 'ended_at',
            'cancelled_at': 'canceled_at',
            'trial_start_at': 'trial_start',
            'trial_end_at': 'trial_end',
            'currency_code': 'currency',
            'salesforce_account_id': ['metadata_salesforce_account_id', 'string', 'account_id'],
            'hubspot_company_id': ['metadata_hubspot_company_id', 'string', 'account_id'],
            'customer_account_id': ['customer_account_id', 'string', 'account_id'],
            'pause_behavior': ['pause_collection_behavior', 'string', 'paused_from'],
            'resumes_at': ['pause_collection_resumes_at', 'timestamp', 'paused_to'],
            'items': ['items', 'string', 'amount'],
            'discounts': ['discounts', 'string', 'amount'],
            'customer_discount': ['customer_discount', 'string', 'amount'],
        }},
        'invoice': {'invoice': {
            'invoice_id': 'id',
            'customer_id': 'customer',
            'subscription_id': 'parent_subscription_details_subscription',
            'issued_at': 'status_transitions_finalized_at',
            'paid_at': 'status_transitions_paid_at',
            'currency_code': 'currency',
            'status': 'status',
            'total': ['total', 'bigint', 'amount'],
            'created_at': ['created', 'timestamp', 'issued_at'],
        }},
    }) }}
{%- endmacro %}
