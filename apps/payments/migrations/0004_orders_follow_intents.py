"""
`payments_write_step` learns to write a seller's share and to move the payment order; and the laws
of orders and checkouts, for everybody who writes.
"""

from importlib import import_module

from django.db import migrations

WRITE_STEP = """
CREATE OR REPLACE FUNCTION payments_write_step(step jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

# Whoever writes a checkout, `is_payment_done` says what its orders say. Two orders that finish at
# once take turns on the checkout's row, and the second sees what the first has committed.
IS_PAYMENT_DONE = """
CREATE FUNCTION payments_is_payment_done() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.is_payment_done :=
        EXISTS (SELECT FROM payments_paymentorder WHERE checkout_id = NEW.id)
        AND NOT EXISTS (SELECT FROM payments_paymentorder
                         WHERE checkout_id = NEW.id AND status <> 'SUCCESS');
    RETURN NEW;
END $$;
"""

CHECKOUT_TRIGGER = """
CREATE TRIGGER payments_checkout_is_what_its_orders_are
    BEFORE INSERT OR UPDATE ON payments_checkout
    FOR EACH ROW EXECUTE FUNCTION payments_is_payment_done();
"""

TOUCH_CHECKOUT = """
CREATE FUNCTION payments_touch_checkout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments_checkout SET is_payment_done = is_payment_done WHERE id = NEW.checkout_id;
    RETURN NULL;
END $$;
"""

ORDER_TRIGGER = """
CREATE TRIGGER payments_order_moves_its_checkout
    AFTER INSERT OR UPDATE OF status ON payments_paymentorder
    FOR EACH ROW EXECUTE FUNCTION payments_touch_checkout();
"""

# "Updated" is no promise: the books are looked at when the transaction ends.
CHECK_BOOKED = """
CREATE FUNCTION payments_refuse_unbooked_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments_paymentattempt attempt
                     JOIN ledger_entrykey key ON key.source_type = 'payment_attempt'
                      AND key.source_id = attempt.id AND key.kind = 'captured'
                    WHERE attempt.intent_id = NEW.intent_id) THEN
        RAISE EXCEPTION 'order % is not booked', NEW.payment_order_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.wallet_updated
       AND NOT EXISTS (SELECT FROM payments_paymentattempt attempt
                         JOIN payouts_transfer share ON share.from_capture
                          AND share.source_transaction = 'ch' || substr(attempt.id, 4)
                        WHERE attempt.intent_id = NEW.intent_id
                          AND share.seller_id = NEW.seller_id) THEN
        RAISE EXCEPTION 'order % has not reached its wallet', NEW.payment_order_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
"""

BOOKED_TRIGGER = """
CREATE CONSTRAINT TRIGGER payments_order_is_booked
    AFTER INSERT OR UPDATE ON payments_paymentorder
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.ledger_updated OR NEW.wallet_updated)
    EXECUTE FUNCTION payments_refuse_unbooked_order();
"""


def write_step_before():
    """Return the function as it was, to go back to."""
    before = import_module("apps.payments.migrations.0002_write_step").WRITE_STEP
    return before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_orders"),
        ("payments", "0002_write_step"),
        ("payouts", "0001_initial"),
        ("ledger", "0003_posting"),
    ]

    operations = [
        migrations.RunSQL(WRITE_STEP, write_step_before()),
        migrations.RunSQL(IS_PAYMENT_DONE, "DROP FUNCTION payments_is_payment_done()"),
        migrations.RunSQL(
            CHECKOUT_TRIGGER,
            "DROP TRIGGER payments_checkout_is_what_its_orders_are ON payments_checkout",
        ),
        migrations.RunSQL(TOUCH_CHECKOUT, "DROP FUNCTION payments_touch_checkout()"),
        migrations.RunSQL(
            ORDER_TRIGGER,
            "DROP TRIGGER payments_order_moves_its_checkout ON payments_paymentorder",
        ),
        migrations.RunSQL(CHECK_BOOKED, "DROP FUNCTION payments_refuse_unbooked_order()"),
        migrations.RunSQL(
            BOOKED_TRIGGER, "DROP TRIGGER payments_order_is_booked ON payments_paymentorder"
        ),
    ]
