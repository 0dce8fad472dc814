"""Whom an invoice is made out to stands on it, and stays when it is final."""

from importlib import import_module

from django.db import migrations, models

_GUARD = {
    name: sql
    for name, _, sql in import_module("apps.subscriptions.migrations.0002_guards").TRIGGERS
}["invoice_final"]
# A person's name goes when they want to be forgotten (ADR 36); it never becomes another one.
_RENAMED = " OR ".join(
    f"(OLD.{column} <> NEW.{column} AND NEW.{column} <> '')"
    for column in ("customer_name", "customer_email")
)
_STAYS = _GUARD.replace(
    "OLD.status <> 'draft' AND ROW(",
    "OLD.status <> 'draft' AND"
    f" ({_RENAMED} OR OLD.customer_tax_exempt <> NEW.customer_tax_exempt OR ROW(",
).replace(") EXECUTE", ")) EXECUTE")
_DROP = "DROP TRIGGER invoice_final ON subscriptions_invoice"
_MAKE_OUT = """
UPDATE subscriptions_invoice invoice
   SET customer_name = customer.name, customer_email = customer.email,
       customer_tax_exempt = customer.tax_exempt
  FROM customers_customer customer
 WHERE customer.id = invoice.customer_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0011_left_with_reasons"),
        ("customers", "0004_tax_exempt"),
    ]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="customer_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=256),
        ),
        migrations.AddField(
            model_name="invoice",
            name="customer_email",
            field=models.CharField(blank=True, db_default="", default="", max_length=512),
        ),
        migrations.AddField(
            model_name="invoice",
            name="customer_tax_exempt",
            field=models.CharField(
                choices=[("none", "None"), ("exempt", "Exempt"), ("reverse", "Reverse")],
                db_default="none",
                default="none",
                max_length=10,
            ),
        ),
        migrations.RunSQL(_MAKE_OUT, migrations.RunSQL.noop),
        migrations.RunSQL(
            [_DROP, f"CREATE TRIGGER invoice_final {_STAYS}"],
            [_DROP, f"CREATE TRIGGER invoice_final {_GUARD}"],
        ),
    ]
