"""
Let the history lose a person, and nothing else (ADR 0036).

An event may be replaced by itself without the person, and so may a row that is the fold of its
events: both lose the same names, so the fold stays true.
"""

from importlib import import_module

from django.db import migrations

from apps.common.sql import allow_erasure, disallow_erasure

HISTORY_GUARD = """
CREATE OR REPLACE FUNCTION outbox_refuse_silent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.version <= OLD.version THEN
        IF to_jsonb(NEW) = common_without_person(to_jsonb(OLD)) THEN
            RETURN NULL;
        END IF;
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

_BEFORE = import_module("apps.outbox.migrations.0005_history_guard").HISTORY_GUARD.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)


class Migration(migrations.Migration):
    dependencies = [("outbox", "0005_history_guard"), ("common", "0002_erasure")]

    operations = [
        migrations.RunSQL(allow_erasure("outbox_event"), disallow_erasure("outbox_event")),
        migrations.RunSQL(HISTORY_GUARD, _BEFORE),
    ]
