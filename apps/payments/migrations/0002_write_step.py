"""
`payments_write_step(step)`: all that one decision changes, in one statement; and the history guard.

The JSON is made by apps/payments/services/step.py. Columns that never change after the insert are
not in the lists of the UPDATEs.
"""

from django.db import migrations

from apps.common.sql import drop_like_indexes

WRITE_STEP = """
CREATE FUNCTION payments_write_step(step jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
-- Returns {"written": true}; {"written": false} when the intent has another version by now; or
-- {"standing": ...} when the caller's idempotency key is in the way. Then nothing was written.
DECLARE
    expected int := (step->>'expected_version')::int;
    standing jsonb;
BEGIN
    IF expected IS NOT NULL THEN
        PERFORM FROM payments_paymentintent
          WHERE id = step->'intent'->>'id' AND version = expected FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RETURN '{"written": false}';
        END IF;
    END IF;

    IF jsonb_typeof(step->'claim') = 'object' THEN
        standing := api_claim(step->'claim');
        IF standing IS NOT NULL AND NOT standing ? 'resumed' THEN
            RETURN jsonb_build_object('standing', standing);
        END IF;
    END IF;

    -- Before the intent, whose guard looks for its event.
    IF jsonb_array_length(step->'events') > 0 THEN
        PERFORM outbox_publish(step->'events');
    END IF;

    IF expected IS NULL THEN
        INSERT INTO payments_paymentintent
        SELECT * FROM jsonb_populate_record(NULL::payments_paymentintent, step->'intent');
    ELSIF expected <> (step->'intent'->>'version')::int THEN
        UPDATE payments_paymentintent old SET
            version = new.version, status = new.status, amount = new.amount,
            currency = new.currency, amount_capturable = new.amount_capturable,
            amount_received = new.amount_received,
            amount_refund_pending = new.amount_refund_pending,
            amount_refunded = new.amount_refunded, capture_method = new.capture_method,
            customer_id = new.customer_id, payment_method_id = new.payment_method_id,
            latest_attempt_id = new.latest_attempt_id, latest_charge_id = new.latest_charge_id,
            attempt_count = new.attempt_count, off_session = new.off_session,
            setup_future_usage = new.setup_future_usage, return_url = new.return_url,
            description = new.description, receipt_email = new.receipt_email,
            statement_descriptor = new.statement_descriptor, metadata = new.metadata,
            application_fee_amount = new.application_fee_amount,
            transfer_destination = new.transfer_destination, transfer_group = new.transfer_group,
            next_action = new.next_action, last_payment_error = new.last_payment_error,
            cancellation_reason = new.cancellation_reason, canceled_at = new.canceled_at,
            expires_at = new.expires_at
        FROM jsonb_populate_record(NULL::payments_paymentintent, step->'intent') new
        WHERE old.id = new.id;
    END IF;

    PERFORM vault_write_method(method) FROM jsonb_array_elements(step->'methods') method;

    INSERT INTO payments_paymentattempt
    SELECT * FROM jsonb_populate_recordset(NULL::payments_paymentattempt, step->'attempts')
    ON CONFLICT (id) DO UPDATE SET
        status = excluded.status, operation = excluded.operation, due_at = excluded.due_at,
        checks = excluded.checks, kept = excluded.kept, void_reason = excluded.void_reason,
        amount_authorized = excluded.amount_authorized,
        amount_to_capture = excluded.amount_to_capture,
        amount_captured = excluded.amount_captured, fee = excluded.fee,
        gateway_reference = excluded.gateway_reference,
        charge_reference = excluded.charge_reference, error_class = excluded.error_class,
        decline_code = excluded.decline_code,
        network_decline_code = excluded.network_decline_code,
        advice_code = excluded.advice_code, message = excluded.message,
        method_details = excluded.method_details,
        authorization_expires_at = excluded.authorization_expires_at,
        finished_at = excluded.finished_at;

    IF jsonb_array_length(step->'refunds') > 0 THEN
        INSERT INTO payments_refund
        SELECT * FROM jsonb_populate_recordset(NULL::payments_refund, step->'refunds');
    END IF;

    -- Booked last, so that the ledger's locks are held for the shortest time.
    PERFORM ledger_post_entry(entry) FROM jsonb_array_elements(step->'entries') entry;

    RETURN '{"written": true}';
END $$;
"""

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
        ("vault", "0002_write_method"),
        ("api", "0002_claims"),
        ("outbox", "0001_initial"),
        ("ledger", "0003_posting"),
    ]

    operations = [
        migrations.RunSQL(
            drop_like_indexes("payments_paymentintent", "payments_paymentattempt", "payments_refund"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(WRITE_STEP, "DROP FUNCTION payments_write_step(jsonb)"),
        migrations.RunSQL(HISTORY_GUARD, "DROP FUNCTION payments_refuse_silent_change()"),
        migrations.RunSQL(
            HISTORY_TRIGGER,
            "DROP TRIGGER payments_intent_has_its_event ON payments_paymentintent",
        ),
    ]
