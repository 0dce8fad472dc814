"""Let decisions lose the person whom they were about (ADR 0036)."""

from django.db import migrations

from apps.common.sql import erasure_only

_KEPT = (
    "CREATE TRIGGER fraud_decision_kept BEFORE {what} ON fraud_decision"
    " FOR EACH ROW EXECUTE FUNCTION fraud_keep_thirteen_months()"
)
_DROP_KEPT = "DROP TRIGGER fraud_decision_kept ON fraud_decision"


class Migration(migrations.Migration):
    dependencies = [("fraud", "0007_watched_models"), ("common", "0002_erasure")]

    operations = [
        migrations.RunSQL(
            [_DROP_KEPT, _KEPT.format(what="DELETE"), erasure_only("fraud_decision")],
            [
                "DROP TRIGGER fraud_decision_erasure_only ON fraud_decision",
                _DROP_KEPT,
                _KEPT.format(what="UPDATE OR DELETE"),
            ],
        ),
    ]
