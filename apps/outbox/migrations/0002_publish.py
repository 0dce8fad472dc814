"""
The one way to write events: `outbox_publish(events)` stores them and queues them for their readers.

The JSON is a list of what `apps.outbox.services.EventDraft.row()` returns. It is PL/pgSQL and not
plain SQL because PostgreSQL then keeps the plan, and each payment comes by here.
"""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only

PUBLISH = """
CREATE FUNCTION outbox_publish(events jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH stored AS (
        INSERT INTO outbox_event (id, merchant_id, livemode, type, object_id, sequence, data,
                                  object, previous_attributes, actor, request_id,
                                  idempotency_key, created_at)
        SELECT id, merchant_id, livemode, type, object_id, sequence, coalesce(data, '{}'), object,
               previous_attributes, actor, coalesce(request_id, ''),
               coalesce(idempotency_key, ''), created_at
          FROM jsonb_to_recordset(events)
            AS draft (id text, merchant_id text, livemode boolean, type text, object_id text,
                      sequence integer, data jsonb, object jsonb, previous_attributes jsonb,
                      actor text, request_id text, idempotency_key text, created_at timestamptz)
        RETURNING id, object_id, type)
    INSERT INTO outbox_message (event_id, object_id, type, available_at, attempts, last_error)
    SELECT id, object_id, type, statement_timestamp(), 0, '' FROM stored;
END $$;
"""

# Django adds an index for LIKE to each text key; ids are never searched so, and each event pays it.
DROP_LIKE_INDEX = "DROP INDEX outbox_event_id_7094ff52_like"
CREATE_LIKE_INDEX = (
    "CREATE INDEX outbox_event_id_7094ff52_like ON outbox_event (id varchar_pattern_ops)"
)

# Rows of the queue live for milliseconds. A lease changes no indexed column, so with room left on
# the page it costs no index entry; and dead rows are swept before they slow down the claim.
QUEUE_STORAGE = """
ALTER TABLE outbox_message SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02,
                                autovacuum_vacuum_threshold = 1000);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("outbox", "0001_initial"),
        ("common", "0001_refuse_change"),
    ]

    operations = [
        migrations.RunSQL(append_only("outbox_event"), drop_append_only("outbox_event")),
        migrations.RunSQL(DROP_LIKE_INDEX, CREATE_LIKE_INDEX),
        migrations.RunSQL(PUBLISH, "DROP FUNCTION outbox_publish(jsonb)"),
        migrations.RunSQL(
            QUEUE_STORAGE,
            "ALTER TABLE outbox_message RESET (fillfactor, autovacuum_vacuum_scale_factor,"
            " autovacuum_vacuum_threshold)",
        ),
    ]
