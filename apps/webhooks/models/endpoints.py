"""Where merchants want to hear of events."""

from datetime import datetime
from functools import partial

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.common.encryption import EncryptedTextField
from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.webhooks.states import EndpointStatus

MAX_URL_LENGTH = 2048


class WebhookEndpoint(StatefulModel):
    """
    A merchant's address for events, with the secrets that sign them.

    `enabled_events` holds types, "charge.*" or "*". `failing_since` is the first failure after the
    last success. `version` counts the endpoint's own events.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "we"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    url = models.CharField(max_length=MAX_URL_LENGTH)
    description = models.CharField(max_length=500, blank=True)
    enabled_events = ArrayField(models.CharField(max_length=60))
    metadata = models.JSONField(default=dict)
    dialect = models.CharField(max_length=10)
    api_version = models.CharField(max_length=40)
    status = StatusField(default=EndpointStatus.UNVERIFIED, choices=EndpointStatus.choices)
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(blank=True)
    previous_secret_until = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    verification_attempts = models.PositiveSmallIntegerField(default=0)
    verify_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(name="webhook_endpoint_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="webhook_endpoint_verify",
                fields=["verify_at"],
                condition=Q(verify_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="webhook_endpoint_status", condition=Q(status__in=EndpointStatus.values)
            ),
            models.CheckConstraint(
                name="webhook_endpoint_deleted_is_disabled",
                condition=Q(deleted_at__isnull=True) | Q(status=EndpointStatus.DISABLED),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    def secrets_at(self, moment: datetime) -> list[str]:
        """Return the secrets that sign now: two of them while they rotate."""
        until = self.previous_secret_until
        is_rotating = until is not None and moment < until
        return [self.secret, self.previous_secret] if is_rotating else [self.secret]

    @transition(
        status,
        source=(EndpointStatus.UNVERIFIED, EndpointStatus.DISABLED),
        target=EndpointStatus.ENABLED,
    )
    def enable(self) -> None:
        """Send it events from now on."""
        self.verify_at = None
        self.failing_since = None
        self.disabled_reason = ""

    @transition(
        status,
        source=(EndpointStatus.UNVERIFIED, EndpointStatus.ENABLED),
        target=EndpointStatus.DISABLED,
    )
    def disable(self, *, reason: str) -> None:
        """Send it nothing any more."""
        self.verify_at = None
        self.disabled_reason = reason

    @transition(
        status,
        source=(EndpointStatus.ENABLED, EndpointStatus.DISABLED),
        target=EndpointStatus.UNVERIFIED,
    )
    def distrust(self, *, verify_at: datetime) -> None:
        """Ask for the proof again: the address is another one now."""
        self.verified_at = None
        self.verification_attempts = 0
        self.failing_since = None
        self.disabled_reason = ""
        self.verify_at = verify_at
