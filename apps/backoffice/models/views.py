"""Filters that somebody wants to find again."""

from django.db import models
from django.db.models import Q


class SavedView(models.Model):
    """
    A list under a filter, by name: one's own, or shared with everybody of a role.

    `screen` is the list's label such as `payments.refund`, `query` its address's query. With the
    one that `is_default` the list opens from the owner's sidebar.
    """

    owner = models.ForeignKey("backoffice.User", on_delete=models.CASCADE, related_name="+")
    screen = models.CharField(max_length=80)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=2000)
    role = models.CharField(max_length=150, blank=True)
    is_default = models.BooleanField(default=False)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="saved_view_once", fields=["owner", "screen", "name"]),
            models.UniqueConstraint(
                name="one_default_view", fields=["owner", "screen"], condition=Q(is_default=True)
            ),
        ]
        indexes = [models.Index(name="saved_view_shared", fields=["screen", "role"])]

    def __str__(self) -> str:
        return self.name
