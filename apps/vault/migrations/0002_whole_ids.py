"""Ids of the vault and of customers are looked up whole: they need no indexes for LIKE."""

from django.db import migrations

from apps.common.sql import drop_like_indexes

class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial"), ("customers", "0001_initial")]

    operations = [
        migrations.RunSQL(
            drop_like_indexes(
                "vault_paymentmethod",
                "vault_gatewaytoken",
                "vault_gatewaycustomer",
                "customers_customer",
            ),
            migrations.RunSQL.noop,
        ),
    ]
