"""The history guard of intents: no change of the row without its event."""

from django.db import migrations

from apps.common.sql import drop_like_indexes

HISTORY_GUARD = """
CREATE FUNCTION payments_refuse_silent_change() RETURNS trigger LANGUAGE plpgsql AS $$
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

HISTORY_TRIGGER = """
CREATE TRIGGER payments_intent_has_its_event
    AFTER INSERT OR UPDATE ON payments_paymentintent
    FOR EACH ROW EXECUTE FUNCTION payments_refuse_silent_change();
"""

class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
        ("outbox", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            drop_like_indexes("payments_paymentintent", "payments_paymentattempt", "payments_refund"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(HISTORY_GUARD, "DROP FUNCTION payments_refuse_silent_change()"),
        migrations.RunSQL(
            HISTORY_TRIGGER,
            "DROP TRIGGER payments_intent_has_its_event ON payments_paymentintent",
        ),
    ]
