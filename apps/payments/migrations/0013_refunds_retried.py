"""A refund may try again what another one did not bring."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0012_shipping")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="retry_of",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="retry",
                to="payments.refund",
            ),
        ),
    ]
