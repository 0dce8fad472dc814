"""Find dead events of gateways among millions that were processed."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Outside a transaction, so that gateways can still tell us things while the index is built.
    atomic = False

    dependencies = [("webhooks", "0003_queue_storage")]

    operations = [
        AddIndexConcurrently(
            model_name="inboundevent",
            index=models.Index(
                name="inbound_event_dead", fields=["id"], condition=models.Q(("status", "dead"))
            ),
        ),
    ]
