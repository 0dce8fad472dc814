"""Keep what a method was exchanged under: a request that comes again finds it."""

from django.db import migrations, models

BUILD = """
CREATE UNIQUE INDEX CONCURRENTLY one_method_per_exchange
    ON vault_paymentmethod (exchange_key)
    WHERE NOT (exchange_key = '') AND detached_at IS NULL
"""


class Migration(migrations.Migration):
    # Outside a transaction, so that the table is not locked while the index is built.
    atomic = False

    dependencies = [("vault", "0006_owner")]

    operations = [
        migrations.AddField(
            model_name="paymentmethod",
            name="exchange_key",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(BUILD, "DROP INDEX CONCURRENTLY one_method_per_exchange")
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="paymentmethod",
                    constraint=models.UniqueConstraint(
                        name="one_method_per_exchange",
                        fields=["exchange_key"],
                        condition=~models.Q(exchange_key="")
                        & models.Q(detached_at__isnull=True),
                    ),
                )
            ],
        ),
    ]
