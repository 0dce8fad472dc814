"""What staff look for among millions: by a rare status, address, order, or card and amount."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import IsNull

LAST4 = KeyTextTransform("last4", "method_details")
ORDER_ID = KeyTextTransform("order_id", "metadata")


class Migration(migrations.Migration):
    # Outside a transaction, so that payments go on while the indexes are built.
    atomic = False

    dependencies = [("payments", "0010_orders_not_started")]

    operations = [
        AddIndexConcurrently(
            model_name="paymentintent",
            index=models.Index(
                name="intent_by_rare_status",
                fields=["status", "id"],
                condition=models.Q(
                    status__in=[
                        "created",
                        "processing",
                        "requires_action",
                        "requires_capture",
                        "conflicted",
                        "canceled",
                        "expired",
                    ]
                ),
            ),
        ),
        RemoveIndexConcurrently(model_name="paymentintent", name="intent_rare_status"),
        AddIndexConcurrently(
            model_name="paymentintent",
            index=models.Index(
                name="intent_by_receipt_email",
                fields=["receipt_email", "id"],
                condition=models.Q(("receipt_email", ""), _negated=True),
            ),
        ),
        AddIndexConcurrently(
            model_name="paymentintent",
            index=models.Index(
                ORDER_ID,
                "id",
                name="intent_by_order_id",
                condition=models.Q(IsNull(ORDER_ID, rhs=False)),
            ),
        ),
        AddIndexConcurrently(
            model_name="paymentattempt",
            index=models.Index(
                LAST4,
                "amount",
                "id",
                name="attempt_by_card_and_amount",
                condition=models.Q(IsNull(LAST4, rhs=False)),
            ),
        ),
    ]
