"""
The laws of invoices as PostgreSQL keeps them, whoever writes.

The checks see all rows of a statement at once, so that a batch of thousands pays for one query.
Lines are written before their invoice (its foreign key is checked at the commit).
"""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only, drop_like_indexes

# An invoice that is final has lines, and they add up to it.
LINES_ADD_UP = """
CREATE FUNCTION subscriptions_check_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT changed.id INTO bad
      FROM changed LEFT JOIN subscriptions_invoiceline line ON line.invoice_id = changed.id
     WHERE changed.status <> 'draft'
     GROUP BY changed.id, changed.subtotal, changed.discount_amount, changed.tax_amount
    HAVING changed.subtotal <> coalesce(sum(line.amount), 0)
        OR changed.discount_amount <> coalesce(sum(line.discount_amount), 0)
        OR changed.tax_amount <> coalesce(sum(line.tax_amount), 0)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the lines of % do not add up to it', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_lines_add_up';
    END IF;
    RETURN NULL;
END $$;
"""

# A status never moves without the event that says so; the event is written first.
STATUS_HAS_EVENT = """
CREATE FUNCTION subscriptions_check_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT changed.id INTO bad
      FROM changed JOIN before USING (id)
     WHERE changed.status <> before.status
       AND NOT EXISTS (SELECT FROM outbox_event event
                        WHERE event.object_id = changed.id AND event.sequence = changed.version)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the status of % changed without an event', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'status_has_event';
    END IF;
    RETURN NULL;
END $$;
"""

REFUSE_FINAL = """
CREATE FUNCTION subscriptions_refuse_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a final invoice does not change'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_final';
END $$;
"""

REFUSE_LINES_OF_FINAL = """
CREATE FUNCTION subscriptions_check_line_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed_lines line
                 JOIN subscriptions_invoice invoice ON invoice.id = line.invoice_id
                WHERE invoice.status <> 'draft') THEN
        RAISE EXCEPTION 'a final invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_final';
    END IF;
    RETURN NULL;
END $$;
"""

_FROZEN = (
    "number", "currency", "customer_id", "subscription_id", "period_start", "period_end",
    "subtotal", "discount_amount", "tax_amount", "total", "balance_applied", "amount_due",
)  # fmt: skip


def _row(name: str) -> str:
    return ", ".join(f"{name}.{column}" for column in _FROZEN)


TRIGGERS = [
    (
        "invoice_lines_on_insert",
        "subscriptions_invoice",
        "AFTER INSERT ON subscriptions_invoice REFERENCING NEW TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_lines()",
    ),
    (
        "invoice_lines_on_update",
        "subscriptions_invoice",
        "AFTER UPDATE ON subscriptions_invoice REFERENCING NEW TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_lines()",
    ),
    (
        "invoice_status_has_event",
        "subscriptions_invoice",
        "AFTER UPDATE ON subscriptions_invoice"
        " REFERENCING NEW TABLE AS changed OLD TABLE AS before"
        " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_events()",
    ),
    (
        "subscription_status_has_event",
        "subscriptions_subscription",
        "AFTER UPDATE ON subscriptions_subscription"
        " REFERENCING NEW TABLE AS changed OLD TABLE AS before"
        " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_events()",
    ),
    (
        "invoice_final",
        "subscriptions_invoice",
        "BEFORE UPDATE ON subscriptions_invoice FOR EACH ROW"
        f" WHEN (OLD.status <> 'draft' AND ROW({_row('OLD')}) IS DISTINCT FROM ROW({_row('NEW')}))"
        " EXECUTE FUNCTION subscriptions_refuse_final()",
    ),
    (
        "invoice_final_stays",
        "subscriptions_invoice",
        "BEFORE DELETE ON subscriptions_invoice FOR EACH ROW WHEN (OLD.status <> 'draft')"
        " EXECUTE FUNCTION subscriptions_refuse_final()",
    ),
    (
        "lines_of_final_on_insert",
        "subscriptions_invoiceline",
        "AFTER INSERT ON subscriptions_invoiceline REFERENCING NEW TABLE AS changed_lines"
        " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_line_is_open()",
    ),
    (
        "lines_of_final_on_update",
        "subscriptions_invoiceline",
        "AFTER UPDATE ON subscriptions_invoiceline REFERENCING OLD TABLE AS changed_lines"
        " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_line_is_open()",
    ),
    (
        "lines_of_final_on_delete",
        "subscriptions_invoiceline",
        "AFTER DELETE ON subscriptions_invoiceline REFERENCING OLD TABLE AS changed_lines"
        " FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_line_is_open()",
    ),
]
FUNCTIONS = [
    (LINES_ADD_UP, "subscriptions_check_lines"),
    (STATUS_HAS_EVENT, "subscriptions_check_events"),
    (REFUSE_FINAL, "subscriptions_refuse_final"),
    (REFUSE_LINES_OF_FINAL, "subscriptions_check_line_is_open"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0001_initial"),
        ("common", "0001_refuse_change"),
        ("outbox", "0001_initial"),
    ]

    operations = [
        *(migrations.RunSQL(sql, f"DROP FUNCTION {name}()") for sql, name in FUNCTIONS),
        *(
            migrations.RunSQL(f"CREATE TRIGGER {name} {sql}", f"DROP TRIGGER {name} ON {table}")
            for name, table, sql in TRIGGERS
        ),
        migrations.RunSQL(
            drop_like_indexes(
                *(f"subscriptions_{name}" for name in (
                    "subscription", "subscriptionitem", "invoice", "invoiceline", "invoiceitem",
                    "invoicepayment", "discount", "collectiontry", "balancetransaction",
                ))
            ),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            append_only("subscriptions_balancetransaction"),
            drop_append_only("subscriptions_balancetransaction"),
        ),
    ]
