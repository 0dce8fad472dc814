"""The history guard of sessions: no change without its event, except of `due_at`."""

from django.db import migrations

ON_INSERT = """
CREATE CONSTRAINT TRIGGER checkout_session_begins_with_its_event
    AFTER INSERT ON checkout_session
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION outbox_refuse_silent_change();
"""

ON_UPDATE = """
CREATE CONSTRAINT TRIGGER checkout_session_has_its_event
    AFTER UPDATE ON checkout_session
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        (OLD.status, OLD.payment_status, OLD.amount_total, OLD.currency, OLD.line_items,
         OLD.payment_intent_id, OLD.expires_at, OLD.completed_at, OLD.metadata, OLD.version)
        IS DISTINCT FROM
        (NEW.status, NEW.payment_status, NEW.amount_total, NEW.currency, NEW.line_items,
         NEW.payment_intent_id, NEW.expires_at, NEW.completed_at, NEW.metadata, NEW.version))
    EXECUTE FUNCTION outbox_refuse_silent_change();
"""


class Migration(migrations.Migration):
    dependencies = [("checkout", "0001_initial"), ("outbox", "0005_history_guard")]

    operations = [
        migrations.RunSQL(
            ON_INSERT, "DROP TRIGGER checkout_session_begins_with_its_event ON checkout_session"
        ),
        migrations.RunSQL(
            ON_UPDATE, "DROP TRIGGER checkout_session_has_its_event ON checkout_session"
        ),
    ]
