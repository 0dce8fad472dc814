"""What staff may do, beyond looking."""

from django.db import models


class Right(models.Model):
    """
    Holds the permissions of all dialogs in one place; there are no rows, and no table.

    Looking needs the model's own view permission. Who holds what stands in config/roles.py.
    """

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            ("refund_payment", "Give money back"),
            ("capture_payment", "Take held money"),
            ("cancel_payment", "Give a payment up"),
            ("approve_refund", "Decide about refunds above the limit"),
            ("approve_journal", "Decide about manual journal entries"),
            ("replay_webhook", "Process or send an event of a webhook again"),
            ("manage_webhook", "Enable, disable and re-key webhook endpoints"),
            ("replay_message", "Send a dead letter again"),
            ("discard_message", "Give a dead letter up for good"),
            ("manage_api_key", "Create and revoke API keys"),
            ("manage_staff", "Let people in and out"),
            ("export_rows", "Take lists out as files"),
            ("view_pii", "See names and e-mail addresses"),
        ]

    def __str__(self) -> str:
        return "rights"
