"""
The laws of disputes: no change without its event, money rows stay, and no refund while disputed.

`next_check_at` only drives the polling, so it may change without an event.
"""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only

ON_INSERT = """
CREATE CONSTRAINT TRIGGER disputes_dispute_begins_with_its_event
    AFTER INSERT ON disputes_dispute
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION outbox_refuse_silent_change();
"""

ON_UPDATE = """
CREATE CONSTRAINT TRIGGER disputes_dispute_has_its_event
    AFTER UPDATE ON disputes_dispute
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        (OLD.status, OLD.stage, OLD.round, OLD.amount, OLD.due_at, OLD.submitted_at,
         OLD.amount_withdrawn, OLD.amount_fees, OLD.amount_lost, OLD.refund_id, OLD.metadata,
         OLD.version)
        IS DISTINCT FROM
        (NEW.status, NEW.stage, NEW.round, NEW.amount, NEW.due_at, NEW.submitted_at,
         NEW.amount_withdrawn, NEW.amount_fees, NEW.amount_lost, NEW.refund_id, NEW.metadata,
         NEW.version))
    EXECUTE FUNCTION outbox_refuse_silent_change();
"""

# The refusal of apps/payments/services/refunds.py once more (AC-86). Whoever refunds and whoever
# records a dispute hold the intent's lock, so neither overlooks the other.
NO_REFUND = """
CREATE FUNCTION disputes_refuse_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM disputes_dispute
                WHERE attempt_id = NEW.attempt_id AND NOT is_charge_refundable
                  AND status IN ('needs_response', 'under_review')) THEN
        RAISE EXCEPTION '% is disputed: it cannot be refunded', NEW.attempt_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_not_while_disputed';
    END IF;
    RETURN NEW;
END $$;
"""

ON_REFUND = """
CREATE TRIGGER disputes_refund_not_while_disputed
    BEFORE INSERT ON payments_refund
    FOR EACH ROW WHEN (NOT NEW.compensates) EXECUTE FUNCTION disputes_refuse_refund();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("disputes", "0001_initial"),
        ("common", "0001_refuse_change"),
        ("outbox", "0005_history_guard"),
        ("ledger", "0003_posting"),
    ]

    operations = [
        migrations.RunSQL(
            ON_INSERT, "DROP TRIGGER disputes_dispute_begins_with_its_event ON disputes_dispute"
        ),
        migrations.RunSQL(
            ON_UPDATE, "DROP TRIGGER disputes_dispute_has_its_event ON disputes_dispute"
        ),
        migrations.RunSQL(
            append_only("disputes_disputefunds"), drop_append_only("disputes_disputefunds")
        ),
        migrations.RunSQL(NO_REFUND, "DROP FUNCTION disputes_refuse_refund()"),
        migrations.RunSQL(
            ON_REFUND, "DROP TRIGGER disputes_refund_not_while_disputed ON payments_refund"
        ),
    ]
