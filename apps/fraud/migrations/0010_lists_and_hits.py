"""Values that wait for a second person, values found by themselves, and what rules met."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Outside a transaction, so that payments go on while the indexes are built.
    atomic = False

    dependencies = [("fraud", "0009_review_cases")]

    operations = [
        migrations.AddField(
            model_name="valuelistitem",
            name="waits",
            field=models.BooleanField(db_default=False, default=False),
        ),
        AddIndexConcurrently(
            model_name="decision",
            index=models.Index(
                name="decision_hits",
                fields=["created_at"],
                condition=~models.Q(matched_rules=[]) | ~models.Q(shadow__rules=[]),
            ),
        ),
        AddIndexConcurrently(
            model_name="valuelistitem",
            index=models.Index(name="list_value_found", fields=["value"]),
        ),
    ]
