"""Find dead letters without reading the queue."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Outside a transaction, so that the queue is not locked while the index is built.
    atomic = False

    dependencies = [("outbox", "0002_publish")]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                name="message_dead",
                fields=["id"],
                condition=models.Q(("dead_at__isnull", False)),
            ),
        ),
    ]
