"""
What Adyen told stays as it was told, but may be encrypted anew.

Only `details` may be rewritten: its ciphertext is authenticated, so what was not written by us does
not decrypt.
"""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only

_TABLE = "gateways_adyenfact"

APPEND_ONLY_BUT_DETAILS = f"""
CREATE TRIGGER {_TABLE}_append_only
BEFORE DELETE OR TRUNCATE OR UPDATE OF
    id, gateway, code, success, reference, payment_reference, merchant_reference, amount, currency,
    occurred_at, reason, noted_at
ON {_TABLE} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


class Migration(migrations.Migration):
    dependencies = [("gateways", "0004_routing_history")]

    operations = [
        migrations.RunSQL(drop_append_only(_TABLE), append_only(_TABLE)),
        migrations.RunSQL(APPEND_ONLY_BUT_DETAILS, drop_append_only(_TABLE)),
    ]
