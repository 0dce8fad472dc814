"""
The guards work with the rights of the tables' owner, in the schema where they were made.

So the application's role needs no right to write balances, and cannot lead a guard astray with a
temporary table that has the name of one of the ledger's.
"""

from django.db import migrations

_GUARDS = (
    "FUNCTION ledger_guard_postings()",
    "FUNCTION ledger_guard_entries()",
    "PROCEDURE ledger_add_partition(text, text, text)",
)


def _alter(change: str) -> str:
    changes = "".join(
        f"EXECUTE format('ALTER {guard} {change}', current_schema());\n" for guard in _GUARDS
    )
    return f"DO $$ BEGIN\n{changes}END $$"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_exchange_rates")]

    operations = [
        migrations.RunSQL(
            _alter("SECURITY DEFINER SET search_path = %I, pg_temp"),
            _alter("SECURITY INVOKER RESET search_path"),
        ),
    ]
