"""
Let the guards look rows up by their indexes, always.

PL/pgSQL keeps the plan of its first call in a session. Made while the tables are small, that plan
reads them whole, and a billing run that fills them would then become slower with every batch.
"""

from django.db import migrations

GUARDS = [
    "subscriptions_check_lines",
    "subscriptions_check_events",
    "subscriptions_check_line_is_open",
]
SWITCHES = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"]


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0003_news")]

    operations = [
        migrations.RunSQL(
            f"ALTER FUNCTION {guard}() SET {switch} = off",
            f"ALTER FUNCTION {guard}() RESET {switch}",
        )
        for guard in GUARDS
        for switch in SWITCHES
    ]
