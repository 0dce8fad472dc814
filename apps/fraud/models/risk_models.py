"""The registry of trained models."""

import gzip
import hashlib
import json
import zlib
from datetime import datetime
from functools import partial
from typing import Any

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.fraud.scoring.trees import ModelUnreadable
from apps.fraud.states import ModelStatus

S = ModelStatus


class RiskModel(StatefulModel):
    """
    A trained model: its artifact is JSON, zipped, named by its digest; no code is in it.

    Processes load the champion, which acts, and the shadow model, which is only recorded.
    `shadowed_at` is since when it was last watched as a shadow; `crowned_at` when it last began to
    act.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "rmod")
    )
    version = models.CharField(max_length=40, unique=True)
    sha256 = models.CharField(max_length=64)
    status = StatusField(default=S.CANDIDATE, choices=S.choices)
    artifact = models.BinaryField()
    metrics = models.JSONField(default=dict)
    card = models.TextField(blank=True)
    created_at = models.DateTimeField()
    shadowed_at = models.DateTimeField(null=True)
    crowned_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "fraud_riskmodel"
        constraints = [
            models.UniqueConstraint(
                name="one_champion", fields=["status"], condition=Q(status=S.CHAMPION)
            ),
            models.UniqueConstraint(
                name="one_shadow_model", fields=["status"], condition=Q(status=S.SHADOW)
            ),
        ]

    def __str__(self) -> str:
        return self.version

    def read_artifact(self) -> dict[str, Any]:
        """
        Return the artifact as training exported it.

        :raises ModelUnreadable: what is stored is not what was registered
        """
        try:
            content = gzip.decompress(self.artifact)
        except (OSError, EOFError, zlib.error) as error:
            raise ModelUnreadable(f"the artifact cannot be unpacked: {error}") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelUnreadable("the artifact is not the one that was registered")
        artifact: dict[str, Any] = json.loads(content)
        return artifact

    @transition(status, source=[S.CANDIDATE, S.CHAMPION, S.RETIRED], target=S.SHADOW)
    def shadow(self, *, now: datetime) -> None:
        """Record the model's scores, without effect."""
        self.shadowed_at = now

    @transition(status, source=[S.SHADOW, S.RETIRED], target=S.CHAMPION)
    def crown(self, *, now: datetime) -> None:
        """Let the model's score act: of one that was watched as a shadow, or acted before."""
        self.crowned_at = now

    @transition(status, source=[S.CANDIDATE, S.SHADOW, S.CHAMPION], target=S.RETIRED)
    def retire(self, *, now: datetime) -> None:
        """Take the model out of use."""
        del now


class Drift(models.Model):
    """How far one feature of a day's payments was from those the model started with (PSI)."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    model_version = models.CharField(max_length=40)
    feature = models.CharField(max_length=60)
    stability_index = models.DecimalField(max_digits=9, decimal_places=4)
    payments = models.PositiveIntegerField()

    class Meta:
        db_table = "fraud_drift"
        constraints = [
            models.UniqueConstraint(
                name="drift_once_a_day", fields=["day", "model_version", "feature"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.feature} {self.stability_index}"
