"""When the person behind a customer was erased."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_billing")]

    operations = [
        migrations.AddField(
            model_name="customer", name="erased_at", field=models.DateTimeField(null=True)
        ),
    ]
