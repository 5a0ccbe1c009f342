"""The usual headers of exports, and which of our columns each is: Salesforce, HubSpot, Pipedrive, Stripe, German ones.

Comes from looking at exports, goes to `detection.py`, which proposes a mapping; a run never guesses. Headers are
written as they land, without what stands in brackets behind them and without Pipedrive's `Deal - ` before them. Of
several headers for one column the first that a file has is proposed.
"""

HEADERS: dict[str, dict[str, tuple[str, ...]]] = {
    "opportunity": {
        "opportunity_id": (
            *("opportunity_id", "deal_id", "record_id", "opportunity_number", "datensatz_id", "vorgangsnummer"),
            *("geschaeftsnummer", "angebotsnummer", "id"),
        ),
        "account_id": (
            *("account_id", "associated_company_ids", "company_id", "organization_id", "accountid", "kundennummer"),
            *("firmen_id", "unternehmens_id", "kunden_id"),
        ),
        "account_name": (
            *("account_name", "associated_company", "company_name", "company", "organization", "accountname", "firma"),
            *("unternehmen", "zugehoeriges_unternehmen", "zugehoriges_unternehmen", "kunde", "account", "customer"),
        ),
        "segment": ("segment", "customer_segment", "kundensegment"),
        "opportunity_name": (
            *("opportunity_name", "deal_name", "title", "opportunity", "deal", "dealname", "bezeichnung", "name"),
            *("geschaeft", "vorgang"),
        ),
        "opportunity_type": ("opportunity_type", "type", "deal_type", "typ", "art"),
        "pipeline": ("pipeline", "deal_pipeline"),
        "stage": (
            *("deal_status", "stage", "deal_stage", "stage_name", "phase", "deal_phase", "vertriebsphase", "stufe"),
            *("verkaufsphase", "status"),
        ),
        "amount": (
            *("amount", "deal_amount", "value", "close_value", "deal_value", "betrag", "wert", "auftragswert"),
            *("angebotswert", "umsatz", "summe", "volumen"),
        ),
        "currency_code": (
            *("currency_code", "currency", "amount_currency", "deal_currency", "currency_of_value"),
            *("currency_iso_code", "opportunity_currency", "waehrung", "wahrung"),
        ),
        "close_date": (
            *("close_date", "closing_date", "expected_close_date", "expected_close", "abschlussdatum", "schlusstermin"),
            *("voraussichtlicher_abschluss", "erwarteter_abschluss", "zieldatum", "abschluss"),
        ),
        "created_at": (
            *("created_at", "created_date", "create_date", "created_on", "created", "deal_created", "date_created"),
            *("erstellt_am", "erstelldatum", "erstellungsdatum", "angelegt_am", "erstellt"),
        ),
        "owner_id": ("owner_id", "opportunity_owner_id", "deal_owner_id"),
        "owner_name": (
            *("owner_name", "opportunity_owner", "deal_owner", "owner", "sales_rep", "sales_agent", "inhaber"),
            *("besitzer", "verantwortlicher", "eigentuemer", "eigentumer", "zustaendiger", "zustandiger", "betreuer"),
            *("zustaendiger_mitarbeiter", "zustandiger_mitarbeiter", "vertriebler"),
        ),
        "forecast_category": ("forecast_category", "forecast", "prognosekategorie"),
        "probability": ("probability", "deal_probability", "win_probability", "prob", "wahrscheinlichkeit"),
        "lead_source": ("lead_source", "source", "original_source", "leadquelle", "quelle", "herkunft"),
        "campaign_id": ("campaign_id", "primary_campaign_id"),
        "next_step": ("next_step", "naechster_schritt", "nachster_schritt"),
        "last_activity_at": (
            *("last_activity_at", "last_activity_date", "last_activity", "letzte_aktivitaet", "letzte_aktivitat"),
        ),
        "loss_reason": (
            *("loss_reason", "lost_reason", "closed_lost_reason", "reason_lost", "verlustgrund", "absagegrund"),
        ),
        "is_deleted": ("is_deleted", "deleted"),
    },
    "team_pipeline": {
        "opportunity_id": (
            *("opportunity_id", "deal_id", "record_id", "opportunity_number", "datensatz_id", "vorgangsnummer"),
            *("geschaeftsnummer", "angebotsnummer", "id"),
        ),
        "opportunity_name": (
            *("opportunity_name", "deal_name", "opportunity", "deal", "dealname", "bezeichnung", "name"),
            *("geschaeft", "vorgang"),
        ),
        "account_name": (
            *("account_name", "associated_company", "company_name", "company", "organization", "accountname", "firma"),
            *("unternehmen", "kunde", "account", "customer"),
        ),
        "amount": (
            *("amount", "deal_amount", "value", "deal_value", "betrag", "wert", "auftragswert"),
            *("angebotswert", "umsatz", "summe", "volumen"),
        ),
        "currency_code": (
            *("currency_code", "currency", "amount_currency", "deal_currency", "currency_of_value"),
            *("currency_iso_code", "opportunity_currency", "waehrung", "wahrung"),
        ),
        "close_date": (
            *("close_date", "closing_date", "expected_close_date", "abschlussdatum", "schlusstermin"),
            *("voraussichtlicher_abschluss", "erwarteter_abschluss", "zieldatum", "abschluss"),
        ),
        "fiscal_quarter": ("fiscal_quarter", "quarter", "fiscal_period", "quartal"),
        "line_number": ("line_number", "line", "zeile"),
    },
    "account": {
        "account_id": (
            *("account_id", "company_id", "record_id", "organization_id", "associated_company_ids", "accountid"),
            *("kundennummer", "firmen_id", "unternehmens_id", "kunden_id", "datensatz_id", "id"),
        ),
        "account_name": (
            *("account_name", "company_name", "associated_company", "organization", "accountname", "firma"),
            *("unternehmen", "zugehoeriges_unternehmen", "zugehoriges_unternehmen", "kunde", "company", "account"),
            *("customer", "name"),
        ),
        "segment": ("segment", "customer_segment", "account_segment", "kundensegment"),
        "industry": ("industry", "account_industry", "sector", "branche"),
        "region": ("region", "country_region", "country", "billing_country", "land"),
        "employee_count": (
            *("employee_count", "employees", "number_of_employees", "mitarbeiter", "mitarbeiterzahl"),
            *("anzahl_mitarbeiter", "mitarbeiteranzahl"),
        ),
        "parent_account_id": ("parent_account_id", "parent_company_id"),
        "owner_id": ("owner_id", "account_owner_id"),
        "website": ("website", "company_domain_name", "domain", "webseite", "web"),
        "created_at": ("created_at", "create_date", "created_date", "erstellt_am", "erstelldatum"),
    },
    "user": {
        "user_id": ("user_id", "owner_id", "benutzer_id", "id"),
        "user_name": ("user_name", "full_name", "owner_name", "name"),
        "role": ("role", "rolle", "profile"),
        "team": ("team", "main_team", "department", "abteilung"),
        "manager_id": ("manager_id",),
        "region": ("region",),
        "is_active": ("is_active", "active", "aktiv"),
    },
    "person": {
        "person_id": ("person_id", "contact_id", "lead_id", "record_id", "datensatz_id", "id"),
        "account_id": ("account_id", "associated_company_ids", "company_id", "kundennummer"),
        "full_name": ("full_name", "name", "contact_name"),
        "email": ("email", "email_address", "e_mail", "e_mail_adresse"),
        "phone": ("phone", "phone_number", "telefon", "telefonnummer"),
        "title": ("title", "job_title", "position"),
        "lead_source": ("lead_source", "original_source", "leadquelle", "quelle"),
        "lead_score": ("lead_score", "hubspot_score", "score"),
        "status": ("status", "lead_status", "lifecycle_stage"),
        "owner_id": ("owner_id", "contact_owner_id"),
        "created_at": ("created_at", "create_date", "created_date", "erstellt_am", "erstelldatum"),
    },
    "subscription": {
        "subscription_id": ("subscription_id", "id", "vertragsnummer", "abo_id", "vertrags_id"),
        "customer_id": ("customer_id", "customer", "kundennummer", "kunden_id", "kunde"),
        "account_id": ("account_id",),
        "status": ("status",),
        "started_at": (
            *("started_at", "start_date", "start", "started", "created", "created_at", "vertragsbeginn", "beginn"),
            *("startdatum", "start_datum"),
        ),
        "ended_at": ("ended_at", "ended", "end_date", "vertragsende", "ende", "enddatum"),
        "cancelled_at": ("cancelled_at", "canceled_at", "cancelled", "canceled", "gekuendigt_am", "gekundigt_am"),
        "trial_start_at": ("trial_start_at", "trial_start", "trial_starts_at"),
        "trial_end_at": ("trial_end_at", "trial_end", "trial_ends_at"),
        "amount": ("amount", "plan_amount", "price", "mrr", "betrag", "preis"),
        "interval": ("interval", "billing_interval", "billing_period", "billing_frequency", "intervall", "zahlweise"),
        "interval_count": ("interval_count", "billing_interval_count"),
        "quantity": ("quantity", "seats", "menge", "anzahl"),
        "currency_code": ("currency_code", "currency", "waehrung", "wahrung"),
    },
    "customer": {
        "customer_id": ("customer_id", "id", "kundennummer", "kunden_id"),
        "customer_name": ("customer_name", "customer_description", "name", "kunde", "description"),
        "account_id": ("account_id",),
        "domain": ("domain",),
        "currency_code": ("currency_code", "currency"),
        "created_at": ("created_at", "created"),
    },
    "invoice": {
        "invoice_id": ("invoice_id", "id", "number", "rechnungsnummer"),
        "customer_id": ("customer_id", "customer", "kundennummer"),
        "subscription_id": ("subscription_id", "subscription"),
        "issued_at": ("issued_at", "invoice_date", "date", "created", "rechnungsdatum", "finalized_at"),
        "paid_at": ("paid_at", "payment_date", "bezahlt_am"),
        "amount": ("amount", "total", "amount_due", "betrag"),
        "currency_code": ("currency_code", "currency", "waehrung", "wahrung"),
        "status": ("status",),
    },
}

FILE_NAMES: dict[str, tuple[str, ...]] = {
    "opportunity": ("opportunit", "deal", "pipeline", "angebot", "chance", "geschaeft"),
    "account": ("account", "compan", "organi", "firmen", "unternehmen"),
    "user": ("user", "owner", "benutzer"),
    "person": ("person", "people", "contact", "lead", "kontakt"),
    "subscription": ("subscription", "abo", "vertraeg", "vertrag"),
    "invoice": ("invoice", "rechnung"),
    "customer": ("customer", "kunden"),
}
"""What a file's name begins with, or has in it, where it holds the entity."""

NO_VALUES = frozenset(
    {"-", "--", "\u2013", "\u2014", "n/a", "na", "#n/a", "null", "none", "(none)", "k.a.", "k. a.", "nan", "nil"}
    | {"(no value)", "(kein wert)", "(empty)", "(blank)", "(leer)"}
)
"""What exports write where there is no value, in small letters."""

SURE_NO_VALUES = NO_VALUES - {"na", "none", "nan", "nil"}
"""Those of them that are no value in a column of texts either: NA may be North America."""

FLAGS = {"ja": "true", "nein": "false", "wahr": "true", "falsch": "false", "y": "true", "n": "false", "x": "true"}
"""Words for true and false besides ours."""
