"""What members of staff did, and the guard against doing it twice."""

from functools import partial

from django.db import models

from apps.common.ids import new_id


class StaffAction(models.Model):
    """
    One thing a member of staff did in the back-office; never changed, never deleted.

    `before` and `after` hold the facts of the object that the action was about; `succeeded` is
    false when the platform refused, and `outcome` is what the person was told.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "act"))
    at = models.DateTimeField()
    actor = models.CharField(max_length=300)
    roles = models.JSONField(default=list)
    ip = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=100)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    succeeded = models.BooleanField()
    outcome = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=40)

    class Meta:
        verbose_name = "action of staff"
        verbose_name_plural = "audit trail"
        indexes = [
            models.Index(name="staff_action_object", fields=["object_id", "id"]),
            models.Index(name="staff_action_actor", fields=["actor", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"


class AuditLink(models.Model):
    """
    The place of one action in the chain; PostgreSQL adds it with the action (migration 0010).

    `hash` covers the hash of the link before, the number and the whole action, so that nobody can
    change, remove or slip in an action without breaking it. Kept apart from the actions: what was
    removed is still named here.
    """

    number = models.BigIntegerField(primary_key=True)
    action_id = models.CharField(max_length=40, unique=True)
    previous_hash = models.BinaryField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.number} {self.action_id}"


class AuditCheck(models.Model):
    """
    One look at the whole chain: how many actions it has, and where it breaks.

    `first_bad` is the id of the first action that is not what it was, `detail` says what is wrong;
    both are empty when the chain holds.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "aud"))
    checked_at = models.DateTimeField()
    links = models.BigIntegerField()
    first_bad = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.first_bad or "unbroken"

    @property
    def is_broken(self) -> bool:
        """Whether the audit trail is not what it was."""
        return bool(self.first_bad)


class DialogClaim(models.Model):
    """
    One opened dialog that was sent: its nonce works once.

    `finished_at` stays empty when the process died on the way; then nobody knows, and the person
    has to look at the object.
    """

    nonce = models.UUIDField(primary_key=True)
    actor = models.CharField(max_length=300)
    action = models.CharField(max_length=60)
    object_id = models.CharField(max_length=100)
    claimed_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    succeeded = models.BooleanField(default=False)
    outcome = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"
