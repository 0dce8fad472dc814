"""
The history guard of payouts: no status without its event.

`sent_at`, `due_at` and `checks` only drive the sending, so they may change without one.
"""

from django.db import migrations

ON_INSERT = """
CREATE CONSTRAINT TRIGGER payouts_payout_begins_with_its_event
    AFTER INSERT ON payouts_payout
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION outbox_refuse_silent_change();
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
    EXECUTE FUNCTION outbox_refuse_silent_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0001_initial"),
        ("outbox", "0005_history_guard"),
        ("ledger", "0003_posting"),
    ]

    operations = [
        migrations.RunSQL(
            ON_INSERT, "DROP TRIGGER payouts_payout_begins_with_its_event ON payouts_payout"
        ),
        migrations.RunSQL(
            ON_UPDATE, "DROP TRIGGER payouts_payout_has_its_event ON payouts_payout"
        ),
    ]
