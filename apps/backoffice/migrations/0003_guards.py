"""PostgreSQL keeps what was asked, what was decided, and what staff did."""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only

# A decision is about what was asked: nobody may alter the request, or decide a second time.
APPROVAL_GUARD = """
CREATE FUNCTION backoffice_guard_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'approvals are kept: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status <> 'pending' THEN
        RAISE EXCEPTION 'approval % is % already', OLD.id, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF to_jsonb(NEW) - '{status,decided_by,decided_at,note}'::text[]
       IS DISTINCT FROM to_jsonb(OLD) - '{status,decided_by,decided_at,note}'::text[] THEN
        RAISE EXCEPTION 'approval % was asked for in other words', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""

GUARD_ROWS = """
CREATE TRIGGER backoffice_approval_guard BEFORE UPDATE OR DELETE ON backoffice_approval
    FOR EACH ROW EXECUTE FUNCTION backoffice_guard_approval()
"""

GUARD_TABLE = """
CREATE TRIGGER backoffice_approval_kept BEFORE TRUNCATE ON backoffice_approval
    FOR EACH STATEMENT EXECUTE FUNCTION backoffice_guard_approval()
"""


class Migration(migrations.Migration):
    dependencies = [("backoffice", "0002_approvals"), ("common", "0001_refuse_change")]

    operations = [
        migrations.RunSQL(APPROVAL_GUARD, "DROP FUNCTION backoffice_guard_approval()"),
        migrations.RunSQL(
            GUARD_ROWS, "DROP TRIGGER backoffice_approval_guard ON backoffice_approval"
        ),
        migrations.RunSQL(
            GUARD_TABLE, "DROP TRIGGER backoffice_approval_kept ON backoffice_approval"
        ),
        migrations.RunSQL(
            append_only("backoffice_staffaction"), drop_append_only("backoffice_staffaction")
        ),
    ]
