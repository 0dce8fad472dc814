"""By what the payer's bank finds a refund."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0013_refunds_retried")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="bank_reference",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="refund",
            name="bank_reference_type",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                name="refund_bank_reference",
                fields=["bank_reference"],
                condition=models.Q(("bank_reference", ""), _negated=True),
            ),
        ),
    ]
