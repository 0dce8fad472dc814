"""Let evidence lose the person whom it is about (ADR 0036)."""

from django.db import migrations

from apps.common.sql import allow_erasure, disallow_erasure

# What may become empty: the bytes of a file, and what a customer did in the merchant's service.
_EMPTIED = {"disputes_storedfile": ("content",), "disputes_usageevidence": ("action",)}


class Migration(migrations.Migration):
    dependencies = [
        ("disputes", "0009_name_standing_orders"),
        ("common", "0002_erasure"),
    ]

    operations = [
        migrations.RunSQL(allow_erasure(table, *columns), disallow_erasure(table))
        for table, columns in _EMPTIED.items()
    ]
