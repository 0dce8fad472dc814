"""Since when a model shadows or acts; those of before count from when they were made."""

from django.db import migrations, models

SINCE = """
UPDATE fraud_riskmodel SET
    shadowed_at = CASE WHEN status IN ('shadow', 'champion') THEN created_at END,
    crowned_at = CASE WHEN status = 'champion' THEN created_at END
"""


class Migration(migrations.Migration):
    dependencies = [("fraud", "0006_retention")]

    operations = [
        migrations.AddField("riskmodel", "shadowed_at", models.DateTimeField(null=True)),
        migrations.AddField("riskmodel", "crowned_at", models.DateTimeField(null=True)),
        migrations.RunSQL(SINCE, migrations.RunSQL.noop),
    ]
