"""Files that prove something: what people upload, and the packet that a bank got."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.ids import new_id
from apps.disputes.states import FilePurpose


class StoredFile(models.Model):
    """
    One file with its digest; never changed.

    `content_type` is what its bytes are. The bytes lie in the database, so that evidence is backed
    up and restored together with the dispute that it belongs to.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "file"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    purpose = models.CharField(max_length=30, choices=FilePurpose.choices)
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=30)
    pages = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="file_size_in_bounds", condition=Q(size__gt=0, size__lte=5 * 1024 * 1024)
            )
        ]
        indexes = [models.Index(name="file_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return self.name
