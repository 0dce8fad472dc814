"""
`payments_write_step(step)`: all that one decision changes, its risk assessment too, in one statement.

The JSON is made by apps/payments/services/step.py. Columns that never change after the insert are
not in the lists of the UPDATEs.
"""

from django.db import migrations, models

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
        is_held_for_review = excluded.is_held_for_review,
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

    IF jsonb_typeof(step->'assessment') = 'object' THEN
        PERFORM fraud_store_decision(step->'assessment');
    END IF;

    IF jsonb_array_length(step->'refunds') > 0 THEN
        INSERT INTO payments_refund
        SELECT * FROM jsonb_populate_recordset(NULL::payments_refund, step->'refunds');
    END IF;

    IF jsonb_array_length(step->'shares') > 0 THEN
        INSERT INTO payouts_transfer
        SELECT * FROM jsonb_populate_recordset(NULL::payouts_transfer, step->'shares');
    END IF;

    IF jsonb_typeof(step->'order') = 'object' THEN
        UPDATE payments_paymentorder old SET
            version = new.version, status = new.status,
            ledger_updated = new.ledger_updated, wallet_updated = new.wallet_updated
        FROM jsonb_populate_record(NULL::payments_paymentorder, step->'order') new
        WHERE old.id = new.id;
    END IF;

    -- Booked last, so that the ledger's locks are held for the shortest time.
    PERFORM ledger_post_entry(entry) FROM jsonb_array_elements(step->'entries') entry;

    RETURN '{"written": true}';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_orders_follow_intents"),
        ("fraud", "0002_functions"),
        ("vault", "0003_tokens_of_several_gateways"),
        ("api", "0002_claims"),
        ("outbox", "0002_publish"),
        ("ledger", "0003_posting"),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentattempt",
            name="is_held_for_review",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="paymentattempt",
            name="request_three_d_secure",
            field=models.CharField(blank=True, default="", max_length=20),
            preserve_default=False,
        ),
        migrations.RunSQL(WRITE_STEP, "DROP FUNCTION payments_write_step(jsonb)"),
    ]
