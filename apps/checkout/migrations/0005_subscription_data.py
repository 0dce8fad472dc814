"""What the subscription of a session is made with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checkout", "0004_subscription_mode")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="subscription_data",
            field=models.JSONField(default=dict),
        ),
    ]
