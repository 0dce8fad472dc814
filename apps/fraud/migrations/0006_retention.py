"""
Decisions and what banks said may be deleted once they are thirteen months old, and not before.

That is the time in which a payment is disputed, with a margin. Nobody changes them at any age.
"""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only

TABLES = ("fraud_decision", "fraud_check")

KEEP = """
CREATE FUNCTION fraud_keep_thirteen_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.created_at < now() - interval '395 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
"""


def guard(table: str) -> list[migrations.RunSQL]:
    return [
        migrations.RunSQL(drop_append_only(table), append_only(table)),
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_append_only BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            drop_append_only(table),
        ),
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION fraud_keep_thirteen_months()",
            f"DROP TRIGGER {table}_kept ON {table}",
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("fraud", "0005_like_attempts"), ("common", "0001_refuse_change")]

    operations = [
        migrations.RunSQL(KEEP, "DROP FUNCTION fraud_keep_thirteen_months()"),
        *(step for table in TABLES for step in guard(table)),
    ]
