"""
The history guard of payouts: no status without its event.

`sent_at`, `due_at` and `checks` only drive the sending, so they may change without one.
"""

from django.db import migrations

GUARD = """
CREATE FUNCTION payouts_refuse_silent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.version <= OLD.version THEN
        RAISE EXCEPTION '% may not change without an event: version stays %', NEW.id, OLD.version
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM outbox_event
                    WHERE object_id = NEW.id AND sequence = NEW.version) THEN
        RAISE EXCEPTION '% has no event %', NEW.id, NEW.version
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
"""

ON_INSERT = """
CREATE CONSTRAINT TRIGGER payouts_payout_begins_with_its_event
    AFTER INSERT ON payouts_payout
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payouts_refuse_silent_change();
"""

ON_UPDATE = """
CREATE CONSTRAINT TRIGGER payouts_payout_has_its_event
    AFTER UPDATE ON payouts_payout
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        (OLD.status, OLD.amount, OLD.currency, OLD.seller_id, OLD.approved_by, OLD.metadata,
         OLD.gateway_reference, OLD.failure_code, OLD.arrives_on, OLD.version)
        IS DISTINCT FROM
        (NEW.status, NEW.amount, NEW.currency, NEW.seller_id, NEW.approved_by, NEW.metadata,
         NEW.gateway_reference, NEW.failure_code, NEW.arrives_on, NEW.version))
    EXECUTE FUNCTION payouts_refuse_silent_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0001_initial"),
        ("outbox", "0002_publish"),
        ("ledger", "0003_posting"),
    ]

    operations = [
        migrations.RunSQL(GUARD, "DROP FUNCTION payouts_refuse_silent_change()"),
        migrations.RunSQL(
            ON_INSERT, "DROP TRIGGER payouts_payout_begins_with_its_event ON payouts_payout"
        ),
        migrations.RunSQL(
            ON_UPDATE, "DROP TRIGGER payouts_payout_has_its_event ON payouts_payout"
        ),
    ]
