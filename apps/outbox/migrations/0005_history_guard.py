"""
`outbox_refuse_silent_change()`: the trigger of every table whose rows are the fold of their events.

The migration that hangs it on a table says which columns need an event.
"""

from django.db import migrations

HISTORY_GUARD = """
CREATE FUNCTION outbox_refuse_silent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.version <= OLD.version THEN
        RAISE EXCEPTION '% may not change without an event: version stays %', NEW.id, OLD.version
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM outbox_event
                    WHERE object_id = NEW.id AND sequence = NEW.version) THEN
        RAISE EXCEPTION '% has no event %', NEW.id, NEW.version
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0004_stream")]

    operations = [
        migrations.RunSQL(HISTORY_GUARD, "DROP FUNCTION outbox_refuse_silent_change()"),
    ]
