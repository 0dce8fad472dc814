"""Schedules of retries for unpaid invoices, as merchants set them."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.ids import new_id
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.policies.dunning import DEFAULT_RETRY_DAYS, DunningTerms, FinalAction


def default_retry_days() -> list[int]:
    """Return the days of a policy that names none."""
    return list(DEFAULT_RETRY_DAYS)


class DunningPolicy(Recorded):
    """When an invoice is tried again after its first failure, and what happens in the end."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "dun")
    )
    name = models.CharField(max_length=100)
    retry_days = models.JSONField(default=default_retry_days)
    final_action = models.CharField(
        max_length=10,
        choices=[(action.value, action.value) for action in FinalAction],
        default=FinalAction.CANCEL.value,
    )
    local_time = models.BooleanField(default=False)
    hour_of_day = models.PositiveSmallIntegerField(null=True)
    grace_days = models.PositiveSmallIntegerField(default=7)
    send_emails = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "dunning policies"
        constraints = [
            models.UniqueConstraint(
                name="one_default_dunning_policy",
                fields=["merchant_id", "livemode"],
                condition=Q(is_default=True),
            ),
            models.CheckConstraint(
                name="dunning_hour_of_day",
                condition=Q(hour_of_day__isnull=True) | Q(hour_of_day__range=(0, 23)),
            ),
        ]
        indexes = [
            models.Index(name="dunning_policy_list", fields=["merchant_id", "livemode", "id"])
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> DunningTerms:
        """The policy as the decisions take it."""
        return DunningTerms(
            retry_days=tuple(self.retry_days),
            final_action=FinalAction(self.final_action),
            local_time=self.local_time,
            hour_of_day=self.hour_of_day,
            grace_days=self.grace_days,
        )
