"""What Adyen told stays as it was told."""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only


class Migration(migrations.Migration):
    dependencies = [("gateways", "0001_adyen_facts"), ("common", "0001_refuse_change")]

    operations = [
        migrations.RunSQL(
            append_only("gateways_adyenfact"), drop_append_only("gateways_adyenfact")
        ),
    ]
