"""
Transfers and sellers are the fold of their events too: nothing of them changes without one.

`due_at` only drives the sweep of a transfer, so it may.
"""

from django.db import migrations

import apps.common.fsm

_ON_INSERT = """
CREATE CONSTRAINT TRIGGER {table}_begins_with_its_event
    AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION outbox_refuse_silent_change()
"""

_ON_UPDATE = """
CREATE CONSTRAINT TRIGGER {table}_has_its_event
    AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new}))
    EXECUTE FUNCTION outbox_refuse_silent_change()
"""

_COLUMNS = {
    "payouts_transfer": (
        "status", "amount", "amount_reversed", "currency", "seller_id", "from_capture",
        "fee_amount", "fee_returned", "reserve_amount", "source_transaction", "transfer_group",
        "description", "metadata", "version",
    ),
    "payouts_seller": (
        "status", "name", "email", "country", "default_currency", "payout_destination",
        "delay_days", "reserve_basis_points", "reserve_days", "fee_basis_points",
        "may_go_negative", "metadata", "version",
    ),
}  # fmt: skip


def _guard(table: str, columns: tuple[str, ...]) -> migrations.RunSQL:
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return migrations.RunSQL(
        [_ON_INSERT.format(table=table), _ON_UPDATE.format(table=table, old=old, new=new)],
        [
            f"DROP TRIGGER {table}_has_its_event ON {table}",
            f"DROP TRIGGER {table}_begins_with_its_event ON {table}",
        ],
    )


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0003_rights"),
        ("outbox", "0005_history_guard"),
    ]

    operations = [
        migrations.AlterField(
            model_name="transfer",
            name="status",
            field=apps.common.fsm.StatusField(
                choices=[
                    ("pending", "Pending"),
                    ("available", "Available"),
                    ("reversed", "Reversed"),
                ],
                default="pending",
                max_length=30,
                protected=True,
            ),
        ),
        *(_guard(table, columns) for table, columns in _COLUMNS.items()),
    ]
