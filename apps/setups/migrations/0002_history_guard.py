"""The history guard of setups: no change without its event, except of what drives the sweep."""

from django.db import migrations

ON_INSERT = """
CREATE CONSTRAINT TRIGGER setups_setupintent_begins_with_its_event
    AFTER INSERT ON setups_setupintent
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION outbox_refuse_silent_change();
"""

ON_UPDATE = """
CREATE CONSTRAINT TRIGGER setups_setupintent_has_its_event
    AFTER UPDATE ON setups_setupintent
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        (OLD.status, OLD.usage, OLD.customer_id, OLD.payment_method_id, OLD.gateway,
         OLD.gateway_reference, OLD.tries, OLD.next_action, OLD.last_setup_error, OLD.metadata,
         OLD.version)
        IS DISTINCT FROM
        (NEW.status, NEW.usage, NEW.customer_id, NEW.payment_method_id, NEW.gateway,
         NEW.gateway_reference, NEW.tries, NEW.next_action, NEW.last_setup_error, NEW.metadata,
         NEW.version))
    EXECUTE FUNCTION outbox_refuse_silent_change();
"""


class Migration(migrations.Migration):
    dependencies = [("setups", "0001_initial"), ("outbox", "0005_history_guard")]

    operations = [
        migrations.RunSQL(
            ON_INSERT, "DROP TRIGGER setups_setupintent_begins_with_its_event ON setups_setupintent"
        ),
        migrations.RunSQL(
            ON_UPDATE, "DROP TRIGGER setups_setupintent_has_its_event ON setups_setupintent"
        ),
    ]
