{#- How Marketo calls what the canonical entities hold: see vendor_fields. -#}
{% macro marketo_fields() -%}
    {{ return({
        'person': {
            'lead': {
                'person_id': 'id',
                'account_id': 'sfdc_account_id',
                'title': 'title',
                'lead_source': 'lead_source',
                'lead_score': 'lead_score',
                'status': 'lead_status',
                'owner_id': 'sfdc_lead_owner_id',
                'created_at': 'created_at',
                'record_type': 'sfdc_type',
                'is_email_bounced': 'email_invalid',
                'has_email': 'has_email',
                'is_email_well_formed': 'is_email_well_formed',
                'email_domain': 'email_domain',
                'has_phone': 'has_phone',
                'email_digest': ['email_digest', 'string', 'person_id'],
            },
            'data_value_change': {
                'person_id': 'lead_id',
                'changed_at': ['activity_date', 'timestamp', 'mql_at'],
                'attribute_name': ['attribute_name', 'string', 'mql_at'],
                'new_value': ['new_value', 'string', 'mql_at'],
            },
        },
        'campaign': {'program': {
            'campaign_id': 'id',
            'campaign_name': 'name',
            'channel': 'channel',
            'cost': 'cost',
            'start_date': 'start_date',
            'end_date': 'end_date',
            'crm_campaign_id': ['sfdc_id', 'string', 'campaign_id'],
        }},
        'touch': {
            'activity': {
                'touch_id': 'marketo_guid',
                'person_id': 'lead_id',
                'touched_at': 'activity_date',
                'activity_name': ['activity_type', 'string', 'touch_type'],
                'new_status': ['new_status', 'string', 'touch_type'],
                'is_success': ['success', 'boolean', 'touch_type'],
                'smart_campaign_id': ['campaign_id', 'string', 'campaign_id'],
                'asset_id': ['primary_attribute_value_id', 'string', 'campaign_id'],
                'merged_person_id': ['merged_lead_id', 'string', 'person_id'],
            },
            'campaign': {
                'smart_campaign_id': ['id', 'string', 'campaign_id'],
                'program_id': ['program_id', 'string', 'campaign_id'],
            },
            'form': {
                'form_id': ['id', 'string', 'campaign_id'],
                'program_id': ['program_id', 'string', 'campaign_id'],
            },
        },
    }) }}
{%- endmacro %}
