"""The registry of models: keep a trained one, let it shadow, crown it, take it back."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from apps.common.errors import ResourceMissing
from apps.fraud.errors import ModelNotBetter, ModelUnwatched
from apps.fraud.models import RiskModel
from apps.fraud.rulesets import forget_rules
from apps.fraud.scoring.trees import TreeModel
from apps.fraud.states import ModelStatus

S = ModelStatus

# For so long a model is watched as a shadow before its score acts.
LEAST_WATCH: Final = timedelta(days=7)


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


def promote_model(*, version: str, to: ModelStatus, now: datetime) -> RiskModel:
    """
    Let a model shadow or act; whichever did so before is retired.

    A model acts for the first time only after a week as a shadow, and when on payments which
    neither learned from it is no worse than the one in use. Going back to one that acted before
    asks for nothing. Processes follow within two seconds.

    :raises ResourceMissing: no such model
    :raises IllegalTransition: it is that already
    :raises ModelUnwatched: it was never a shadow, or is one for less than a week
    :raises TooFewFrauds: too few are known to compare on
    :raises ModelNotBetter: the one in use finds frauds better
    """
    if to == S.CHAMPION:
        _check_readiness(version, now=now)
    with transaction.atomic():
        model = RiskModel.objects.select_for_update().filter(version=version).first()
        if model is None:
            raise ResourceMissing(resource="risk model", id=version[:40])
        for holder in RiskModel.objects.select_for_update().filter(status=to).exclude(pk=model.pk):
            holder.retire(now=now)
            holder.save(update_fields=["status"])
        _STEPS[to](model, now=now)
        model.save(update_fields=["status", "shadowed_at", "crowned_at"])
        transaction.on_commit(forget_rules)
    return model


def _check_readiness(version: str, *, now: datetime) -> None:
    """Look at the model before any lock: the comparison scores a month of payments twice."""
    model = RiskModel.objects.filter(version=version).first()
    if model is None or model.crowned_at is not None:
        return
    if model.shadowed_at is None or model.shadowed_at > now - LEAST_WATCH:
        raise ModelUnwatched(model=version, days=LEAST_WATCH.days)
    # Imported here: numpy is not installed where payments are answered.
    from apps.fraud.comparison import compare_models  # noqa: PLC0415

    result = compare_models(model, now=now)
    RiskModel.objects.filter(pk=model.pk).update(
        metrics={**model.metrics, "compared": result.render()}
    )
    if result.is_worse:
        raise ModelNotBetter(model=version, **result.render())


_STEPS = {
    S.SHADOW: RiskModel.shadow,
    S.CHAMPION: RiskModel.crown,
    S.RETIRED: RiskModel.retire,
}
