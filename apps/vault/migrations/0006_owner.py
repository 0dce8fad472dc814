"""Keep whose a method was after it was detached: what is stored of it is still about them."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

FIND_OWNERS = """
UPDATE vault_paymentmethod method
   SET owner_id = coalesce(method.customer_id, (
           SELECT event.object->>'customer' FROM outbox_event event
            WHERE event.object_id = method.id AND event.object->>'customer' IS NOT NULL
            ORDER BY event.sequence LIMIT 1), '')
 WHERE method.customer_id IS NOT NULL OR method.detached_at IS NOT NULL
"""


class Migration(migrations.Migration):
    # Outside a transaction, so that the table is not locked while the index is built.
    atomic = False

    dependencies = [("vault", "0005_digests"), ("outbox", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="paymentmethod",
            name="owner_id",
            field=models.CharField(db_default="", max_length=40),
        ),
        migrations.RunSQL(FIND_OWNERS, migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="paymentmethod",
            index=models.Index(
                name="payment_method_owner",
                fields=["owner_id"],
                condition=~models.Q(owner_id=""),
            ),
        ),
    ]
