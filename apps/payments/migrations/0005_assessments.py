"""An attempt and its risk assessment are one write; attempts may be held for a review."""

from importlib import import_module

from django.db import migrations, models

STORE_DECISION = """
    IF jsonb_typeof(step->'assessment') = 'object' THEN
        PERFORM fraud_store_decision(step->'assessment');
    END IF;

    IF jsonb_array_length(step->'refunds') > 0 THEN
"""


def write_step_before():
    """Return the function as it was, to go back to."""
    return import_module("apps.payments.migrations.0004_orders_follow_intents").WRITE_STEP


def write_step():
    """Return the function with the assessment and the columns of reviews in it."""
    before = write_step_before()
    changes = {
        "    IF jsonb_array_length(step->'refunds') > 0 THEN\n": STORE_DECISION.lstrip("\n"),
        "void_reason = excluded.void_reason,": (
            "void_reason = excluded.void_reason,\n"
            "        is_held_for_review = excluded.is_held_for_review,"
        ),
    }
    for old, new in changes.items():
        assert before.count(old) == 1, old
        before = before.replace(old, new)
    return before


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_orders_follow_intents"),
        ("fraud", "0002_functions"),
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
        migrations.RunSQL(write_step(), write_step_before()),
    ]
