"""
Chain the audit trail: each action's hash covers the one before.

A trigger adds the link in the transaction that adds the action. Writers take turns: they are people
at dialogs, a few a minute, so the wait that a chain of ledger entries could not bear
(docs/adr/0012) costs nothing here.
"""

from functools import partial

from django.db import migrations, models

from apps.common.ids import new_id
from apps.common.sql import append_only, drop_append_only

# Everything the action says, in one order, with its time as a number: no setting of a session
# changes how it is written.
CONTENT = """
CREATE FUNCTION backoffice_link_hash(previous bytea, number bigint, action backoffice_staffaction)
RETURNS bytea STABLE LANGUAGE sql
RETURN sha256(previous || convert_to(jsonb_build_array(
    number, action.id, extract(epoch FROM action.at), action.actor, action.roles,
    host(action.ip), action.action, action.object_type, action.object_id, action.before,
    action.after, action.reason, action.succeeded, action.outcome, action.request_id
)::text, 'UTF8'));
"""

# The lock is held until the transaction ends: whoever comes next sees this link.
LINK = """
CREATE FUNCTION backoffice_link_action(action backoffice_staffaction) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    place bigint;
    previous bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('chain of the audit trail'));
    SELECT link.number, link.hash INTO place, previous
      FROM backoffice_auditlink link ORDER BY link.number DESC LIMIT 1;
    place := coalesce(place, 0) + 1;
    previous := coalesce(previous, decode(repeat('00', 32), 'hex'));
    INSERT INTO backoffice_auditlink (number, action_id, previous_hash, hash)
    VALUES (place, action.id, previous, backoffice_link_hash(previous, place, action));
END $$
"""

CHAIN = """
CREATE FUNCTION backoffice_chain_action() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backoffice_link_action(NEW);
    RETURN NULL;
END $$
"""

TRIGGER = """
CREATE TRIGGER backoffice_staffaction_chain AFTER INSERT ON backoffice_staffaction
    FOR EACH ROW EXECUTE FUNCTION backoffice_chain_action()
"""

# What was written before there was a chain, in the order of its ids.
LINK_OLD = """
DO $$
DECLARE
    action backoffice_staffaction;
BEGIN
    FOR action IN SELECT * FROM backoffice_staffaction ORDER BY id LOOP
        PERFORM backoffice_link_action(action);
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("backoffice", "0009_saved_views"), ("common", "0001_refuse_change")]

    operations = [
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("action_id", models.CharField(max_length=40, unique=True)),
                ("previous_hash", models.BinaryField()),
                ("hash", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="AuditCheck",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=partial(new_id, "aud"),
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("checked_at", models.DateTimeField()),
                ("links", models.BigIntegerField()),
                ("first_bad", models.CharField(blank=True, max_length=40)),
                ("detail", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.RunSQL(
            CONTENT,
            "DROP FUNCTION backoffice_link_hash(bytea, bigint, backoffice_staffaction)",
        ),
        migrations.RunSQL(LINK, "DROP FUNCTION backoffice_link_action(backoffice_staffaction)"),
        migrations.RunSQL(CHAIN, "DROP FUNCTION backoffice_chain_action()"),
        migrations.RunSQL(LINK_OLD, migrations.RunSQL.noop),
        migrations.RunSQL(
            TRIGGER, "DROP TRIGGER backoffice_staffaction_chain ON backoffice_staffaction"
        ),
        migrations.RunSQL(
            append_only("backoffice_auditlink"), drop_append_only("backoffice_auditlink")
        ),
    ]
