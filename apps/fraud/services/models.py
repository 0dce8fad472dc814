"""The registry of models: keep a trained one, let it shadow, crown it, take it back."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.errors import ResourceMissing
from apps.fraud.models import RiskModel
from apps.fraud.rulesets import forget_rules
from apps.fraud.scoring.trees import TreeModel
from apps.fraud.states import ModelStatus

S = ModelStatus


def register_model(
    *, artifact: Mapping[str, Any], metrics: Mapping[str, Any], card: str, now: datetime
) -> RiskModel:
    """
    Keep a trained model as a candidate; the same artifact again is the same model.

    :raises ModelUnreadable: this release cannot score with it
    """
    version = TreeModel(artifact).version
    content = json.dumps(artifact, sort_keys=True, separators=(",", ":")).encode()
    model, _ = RiskModel.objects.get_or_create(
        version=version,
        defaults={
            "sha256": hashlib.sha256(content).hexdigest(),
            "artifact": gzip.compress(content, mtime=0),
            "metrics": dict(metrics),
            "card": card,
            "created_at": now,
        },
    )
    return model


def promote_model(*, version: str, to: ModelStatus) -> RiskModel:
    """
    Let a model shadow or act; whichever did so before is retired.

    Processes follow within two seconds.

    :raises ResourceMissing: no such model
    :raises IllegalTransition: it is that already
    """
    with transaction.atomic():
        model = RiskModel.objects.select_for_update().filter(version=version).first()
        if model is None:
            raise ResourceMissing(resource="risk model", id=version[:40])
        for holder in RiskModel.objects.select_for_update().filter(status=to).exclude(pk=model.pk):
            holder.retire()
            holder.save(update_fields=["status"])
        _STEPS[to](model)
        model.save(update_fields=["status"])
        transaction.on_commit(forget_rules)
    return model


_STEPS = {
    S.SHADOW: RiskModel.shadow,
    S.CHAMPION: RiskModel.crown,
    S.RETIRED: RiskModel.retire,
}
