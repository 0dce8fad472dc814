"""The history guard of intents: no change of the row without its event."""

from django.db import migrations

from apps.common.sql import drop_like_indexes

HISTORY_TRIGGER = """
CREATE TRIGGER payments_intent_has_its_event
    AFTER INSERT OR UPDATE ON payments_paymentintent
    FOR EACH ROW EXECUTE FUNCTION outbox_refuse_silent_change();
"""

class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
        ("outbox", "0005_history_guard"),
    ]

    operations = [
        migrations.RunSQL(
            drop_like_indexes("payments_paymentintent", "payments_paymentattempt", "payments_refund"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            HISTORY_TRIGGER,
            "DROP TRIGGER payments_intent_has_its_event ON payments_paymentintent",
        ),
    ]
