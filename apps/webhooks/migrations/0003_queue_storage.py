"""How the two queues of webhooks lie on disk: many short-lived changes to the same rows."""

from django.db import migrations

# A lease changes no indexed column, so with room left on the page it costs no index entry; and
# dead rows are swept before they slow down the claim.
STORAGE = """
ALTER TABLE {table} SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05,
                         autovacuum_vacuum_threshold = 1000)
"""
RESET = """
ALTER TABLE {table} RESET (fillfactor, autovacuum_vacuum_scale_factor,
                           autovacuum_vacuum_threshold)
"""
TABLES = ("webhooks_delivery", "webhooks_inboundevent")

# Django adds an index for LIKE to each text key; ids are never searched so, and each row pays it.
DROP_LIKE_INDEX = "DROP INDEX webhooks_delivery_id_b47d672f_like"
CREATE_LIKE_INDEX = (
    "CREATE INDEX webhooks_delivery_id_b47d672f_like ON webhooks_delivery (id varchar_pattern_ops)"
)


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_outbound")]

    operations = [
        *(
            migrations.RunSQL(STORAGE.format(table=table), RESET.format(table=table))
            for table in TABLES
        ),
        migrations.RunSQL(DROP_LIKE_INDEX, CREATE_LIKE_INDEX),
    ]
