"""The way in for somebody whose phone is gone."""

import hashlib
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_otp.models import Device, DeviceManager, ThrottlingMixin


class RecoveryDevice(ThrottlingMixin, Device):
    """Recovery codes of one person; the database knows their digests only, each works once."""

    user = models.ForeignKey("backoffice.User", on_delete=models.CASCADE, related_name="+")
    digests: Any = ArrayField(models.CharField(max_length=64), default=list)

    objects: ClassVar[models.Manager["RecoveryDevice"]] = DeviceManager()

    class Meta:
        constraints: ClassVar[Any] = [
            models.UniqueConstraint(name="recovery_device_once", fields=["user"])
        ]

    def __str__(self) -> str:
        return f"recovery codes of {self.user_id}"

    def verify_token(self, token: str) -> bool:
        """Take a code and forget it; the caller holds the row's lock (django_otp)."""
        allowed, _ = self.verify_is_allowed()
        digest = hashlib.sha256(token.encode()).hexdigest()
        if not allowed or digest not in self.digests:
            self.throttle_increment()
            return False
        self.digests.remove(digest)
        self.throttle_reset(commit=False)
        self.save()
        return True

    def get_throttle_factor(self) -> float:
        """Return the seconds to wait after the first wrong code."""
        return 1.0
