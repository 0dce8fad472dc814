"""The trigger function of all append-only tables; `apps.common.sql.append_only` puts it to use."""

from django.db import migrations

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = []

    operations = [migrations.RunSQL(REFUSE_CHANGE, "DROP FUNCTION refuse_change()")]
