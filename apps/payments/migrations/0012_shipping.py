"""
Where the goods go, what the payer reads on a card's statement, and how they prove who they are.

`payments_write_step(step)` is as in the ninth migration but for these columns.
"""

from importlib import import_module

from django.db import migrations, models

_BEFORE = import_module("apps.payments.migrations.0009_larger_holds").WRITE_STEP
WRITE_STEP = _BEFORE.replace(
    "statement_descriptor = new.statement_descriptor,",
    "statement_descriptor = new.statement_descriptor,\n"
    "            statement_descriptor_suffix = new.statement_descriptor_suffix,\n"
    "            shipping = new.shipping, payment_method_options = new.payment_method_options,",
)


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0011_found_by_staff"),
        ("common", "0003_erased_words"),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentintent",
            name="statement_descriptor_suffix",
            field=models.CharField(blank=True, default="", max_length=22),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="shipping",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="payment_method_options",
            field=models.JSONField(null=True),
        ),
        migrations.RunSQL(WRITE_STEP, _BEFORE),
    ]
