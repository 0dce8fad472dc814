"""Who may call the API, and which of its requests have been executed."""

from functools import partial

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.common.ids import new_id


class Merchant(models.Model):
    """Who runs payments here; every row of data belongs to one merchant."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "mer"))
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class ApiKeyKind(models.TextChoices):
    SECRET = "secret"  # noqa: S105 - a kind of key
    RESTRICTED = "restricted"
    PUBLISHABLE = "publishable"


class ApiKey(models.Model):
    """
    One key of one merchant in one mode; only the digest of the secret is stored.

    `display` is what a person recognises the key by: its prefix and last four characters.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "key"))
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="api_keys")
    livemode = models.BooleanField()
    kind = models.CharField(max_length=20, choices=ApiKeyKind)
    name = models.CharField(max_length=200, blank=True)
    display = models.CharField(max_length=40)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    ip_allow_list = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    api_version = models.CharField(max_length=20)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="api_key_scopes_only_when_restricted",
                condition=Q(kind=ApiKeyKind.RESTRICTED) | Q(scopes=[]),
            ),
        ]

    def __str__(self) -> str:
        return self.display


class IdempotencyKey(models.Model):
    """
    A claim on one execution of one request, and later its answer.

    `leased_until` is the database's clock. `object_id` is the recovery point: what the first run
    had committed before it died. Written only by the SQL functions of migration 0002.
    """

    id = models.BigAutoField(primary_key=True)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=255)
    lease_token = models.UUIDField()
    leased_until = models.DateTimeField()
    object_id = models.CharField(max_length=40, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_body = models.TextField(null=True)  # noqa: DJ001 - NULL says "not answered yet"
    request_id = models.CharField(max_length=40)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="idempotency_key_once", fields=["merchant_id", "livemode", "key"]
            ),
            models.CheckConstraint(
                name="idempotency_answer_whole",
                condition=Q(response_status__isnull=True, response_body__isnull=True)
                | Q(response_status__isnull=False, response_body__isnull=False),
            ),
        ]
        indexes = [models.Index(name="idempotency_expiry", fields=["created_at"])]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"


class LoggedRequest(models.Model):
    """
    One request and its answer, redacted; written by apps/api/request_log.py, never changed.

    `original_request` is the request whose stored answer was sent again. A partition per day:
    see apps/api/partitions.py.
    """

    id = models.CharField(primary_key=True, max_length=40)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    key_id = models.CharField(max_length=40)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=255)
    status = models.PositiveSmallIntegerField()
    error_code = models.CharField(max_length=60)
    duration_ms = models.PositiveIntegerField()
    ip = models.CharField(max_length=45)
    user_agent = models.CharField(max_length=200)
    dialect = models.CharField(max_length=10)
    idempotency_key = models.CharField(max_length=255)
    original_request = models.CharField(max_length=40)
    request = models.TextField()
    response = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "request"
        indexes = [
            models.Index(name="logged_request_key", fields=["key_id", "id"]),
            models.Index(name="logged_request_path", fields=["path", "id"]),
            models.Index(
                name="logged_request_refused",
                fields=["status", "id"],
                condition=Q(status__gte=400),
            ),
            models.Index(
                name="logged_request_idempotency",
                fields=["idempotency_key", "id"],
                condition=~Q(idempotency_key=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
