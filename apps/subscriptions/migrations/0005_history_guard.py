"""
The history guard of billing: no status without its event, row by row.

The guards of 0002 compared whole statements, which costs the square of their rows once a billing
run writes thousands at a time. This one costs nothing where the status stays.
"""

from django.db import migrations

TABLES = ("invoice", "subscription")


def guard(name: str) -> str:
    """Return the trigger of the platform's one guard on this table."""
    return f"""
CREATE TRIGGER {name}_has_its_event AFTER UPDATE ON subscriptions_{name}
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION outbox_refuse_silent_change();
"""


def old_guard(name: str) -> str:
    """Return the trigger of 0002."""
    return f"""
CREATE TRIGGER {name}_status_has_event AFTER UPDATE ON subscriptions_{name}
    REFERENCING NEW TABLE AS changed OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_events();
"""


def drop(trigger: str, name: str) -> str:
    """Return what takes the trigger off the table."""
    return f"DROP TRIGGER {trigger} ON subscriptions_{name}"


OLD_FUNCTION = """
CREATE FUNCTION subscriptions_check_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT changed.id INTO bad
      FROM changed JOIN before USING (id)
     WHERE changed.status <> before.status
       AND NOT EXISTS (SELECT FROM outbox_event event
                        WHERE event.object_id = changed.id AND event.sequence = changed.version)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the status of % changed without an event', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'status_has_event';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0004_guard_plans"),
        ("outbox", "0005_history_guard"),
    ]

    operations = [
        *(
            migrations.RunSQL(guard(name), drop(f"{name}_has_its_event", name)) for name in TABLES
        ),
        *(
            migrations.RunSQL(drop(f"{name}_status_has_event", name), old_guard(name))
            for name in TABLES
        ),
        migrations.RunSQL("DROP FUNCTION subscriptions_check_events()", OLD_FUNCTION),
    ]
