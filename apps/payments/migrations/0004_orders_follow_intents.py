"""The laws of payment orders and checkouts, for everybody who writes."""

from django.db import migrations

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


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_orders"),
        ("payments", "0002_history_guard"),
        ("payouts", "0001_initial"),
        ("ledger", "0003_posting"),
    ]

    operations = [
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
