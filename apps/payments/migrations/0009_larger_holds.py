"""
A hold may grow: what an attempt is about, and how much of it is to be held, may change.

`payments_write_step(step)` is as in the fifth migration but for these two columns.
"""

from importlib import import_module

from django.db import migrations, models

_BEFORE = import_module("apps.payments.migrations.0005_assessments").WRITE_STEP.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
WRITE_STEP = _BEFORE.replace(
    "amount_authorized = excluded.amount_authorized,",
    "amount = excluded.amount, amount_to_hold = excluded.amount_to_hold,\n"
    "        amount_authorized = excluded.amount_authorized,",
)


class Migration(migrations.Migration):
    dependencies = [("payments", "0008_attempts_wait")]

    operations = [
        migrations.AddField(
            model_name="paymentattempt",
            name="amount_to_hold",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="paymentattempt",
            name="operation",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "None"),
                    ("create", "Create"),
                    ("capture", "Capture"),
                    ("increment", "Increment"),
                    ("void", "Void"),
                    ("poll", "Poll"),
                ],
                default="create",
                max_length=10,
            ),
        ),
        migrations.RunSQL(WRITE_STEP, _BEFORE),
    ]
