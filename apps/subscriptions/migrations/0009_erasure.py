"""Let final invoices and booked balances lose the person, and nothing else (ADR 0036)."""

from django.db import migrations

from apps.common.sql import allow_erasure, disallow_erasure

LINES_STAY = """
CREATE FUNCTION subscriptions_check_lines_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM lines_before line
                 JOIN subscriptions_invoice invoice ON invoice.id = line.invoice_id
                WHERE invoice.status <> 'draft'
                  AND NOT EXISTS (SELECT FROM lines_now now
                                   WHERE now.id = line.id AND to_jsonb(now)
                                         = common_without_person(to_jsonb(line)))) THEN
        RAISE EXCEPTION 'a final invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_final';
    END IF;
    RETURN NULL;
END $$;
"""

DROP_TRIGGER = "DROP TRIGGER lines_of_final_on_update ON subscriptions_invoiceline"
ERASURE_ONLY = (
    "CREATE TRIGGER lines_of_final_on_update AFTER UPDATE ON subscriptions_invoiceline"
    " REFERENCING OLD TABLE AS lines_before NEW TABLE AS lines_now"
    " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_lines_stay()"
)
NO_CHANGE = (
    "CREATE TRIGGER lines_of_final_on_update AFTER UPDATE ON subscriptions_invoiceline"
    " REFERENCING OLD TABLE AS changed_lines"
    " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_line_is_open()"
)
_BALANCES = "subscriptions_balancetransaction"


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0008_upcoming_notices"),
        ("common", "0002_erasure"),
    ]

    operations = [
        migrations.RunSQL(LINES_STAY, "DROP FUNCTION subscriptions_check_lines_stay()"),
        migrations.RunSQL([DROP_TRIGGER, ERASURE_ONLY], [DROP_TRIGGER, NO_CHANGE]),
        migrations.RunSQL(allow_erasure(_BALANCES), disallow_erasure(_BALANCES)),
    ]
