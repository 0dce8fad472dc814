"""Refunds under way are counted and listed by their status."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Outside a transaction, so that payments go on while the index is built.
    atomic = False

    dependencies = [("payments", "0014_bank_references")]

    operations = [
        AddIndexConcurrently(
            model_name="refund",
            index=models.Index(
                name="refund_by_open_status",
                fields=["status", "id"],
                condition=models.Q(status__in=["requires_approval", "pending"]),
            ),
        ),
    ]
