"""Training on the platform's own history, and the registry of models."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.common.fsm import IllegalTransition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.fraud.default_model import read_default_artifact
from apps.fraud.models import Decision, Label, RiskModel
from apps.fraud.rulesets import forget_rules
from apps.fraud.services.assessments import assess_attempt
from apps.fraud.services.models import promote_model, register_model
from apps.fraud.states import LabelSource, ModelStatus
from tests.factories.fraud import NOON, subject

pytestmark = pytest.mark.django_db

WEEKS = 20


def lived_history(scope: Scope, *, per_week: int = 60) -> None:
    """Make payments of which the large ones on a fresh card are often disputed 20 days later."""
    template = assess_attempt(subject(scope), now=NOON).decision
    decisions, labels = [], []
    for number in range(WEEKS * per_week):
        at = NOON - timedelta(weeks=WEEKS) + timedelta(weeks=number / per_week)
        is_large = number % 10 == 0
        is_fraud = is_large and number % 20 == 0
        intent_id = new_id("pi")
        decisions.append(
            Decision(
                merchant_id=scope.merchant_id, livemode=False, intent_id=intent_id,
                attempt_id=new_id("att"), action="allow", level="normal", amount=100,
                currency="EUR", created_at=at, entities={"card": f"card{number}"},
                features={
                    **template.features,
                    "amount": 50_000.0 if is_large else 1000.0 + number % 7,
                    "card_age_days": -1.0 if is_fraud else float(number % 30),
                },
            )
        )  # fmt: skip
        if is_fraud:
            labels.append(
                Label(
                    merchant_id=scope.merchant_id, livemode=False, intent_id=intent_id,
                    source=LabelSource.DISPUTE, is_fraud=True, observed_at=at + timedelta(days=20),
                )
            )  # fmt: skip
    Decision.objects.bulk_create(decisions)
    Label.objects.bulk_create(labels)


def train(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    pytest.importorskip("lightgbm", reason="needs requirements/ml.txt")
    days = {"end": f"{NOON + timedelta(days=1):%Y-%m-%d}", "delay_days": 21}
    call_command("train_fraud_model", **{**days, "min_frauds": 20, **options})
    metrics: dict[str, Any] = json.JSONDecoder().raw_decode(capsys.readouterr().out)[0]
    return metrics


def test_a_model_learns_from_own_history_and_becomes_a_candidate(
    scope: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    lived_history(scope)

    metrics = train(capsys)

    assert metrics["average_precision"] > 0.9
    model = RiskModel.objects.get()
    assert (model.status, model.metrics) == ("candidate", metrics)
    assert "blocked payments have no outcome" in model.card
    assert model.read_artifact()["version"] == model.version


def test_too_few_frauds_train_nothing(scope: Scope, capsys: pytest.CaptureFixture[str]) -> None:
    lived_history(scope)

    with pytest.raises(CommandError, match="training takes 500"):
        train(capsys, min_frauds=500)

    assert not RiskModel.objects.exists()


def test_a_dry_run_keeps_nothing(scope: Scope, capsys: pytest.CaptureFixture[str]) -> None:
    lived_history(scope)

    train(capsys, dry_run=True)

    assert not RiskModel.objects.exists()


def registered(**changes: Any) -> RiskModel:
    artifact = {**read_default_artifact(), **changes}
    return register_model(artifact=artifact, metrics={}, card="", now=NOON)


def test_a_shadow_model_is_recorded_and_a_champion_acts(scope: Scope) -> None:
    # Every payment has the score 99 with this scale.
    model = registered(version="harsh", score_cuts=[-1000.0 + step for step in range(99)])
    promote_model(version="harsh", to=ModelStatus.SHADOW)
    forget_rules()

    shadowed = assess_attempt(subject(scope), now=NOON)
    assert (shadowed.action, shadowed.decision.score) == ("allow", 99)
    assert shadowed.decision.model_version == "harsh"

    promote_model(version="harsh", to=ModelStatus.CHAMPION)
    forget_rules()

    acted = assess_attempt(subject(scope), now=NOON)
    assert (acted.action, acted.decision.level) == ("block", "highest")
    model.refresh_from_db()
    assert model.status == "champion"


def test_a_new_champion_retires_the_old_one() -> None:
    registered(version="old")
    registered(version="new")

    for version in ("old", "new"):
        promote_model(version=version, to=ModelStatus.SHADOW)
        promote_model(version=version, to=ModelStatus.CHAMPION)

    statuses = dict(RiskModel.objects.values_list("version", "status"))
    assert statuses == {"old": "retired", "new": "champion"}


def test_a_model_that_nobody_has_watched_cannot_act() -> None:
    registered(version="new")

    with pytest.raises(IllegalTransition):
        promote_model(version="new", to=ModelStatus.CHAMPION)

    assert RiskModel.objects.get().status == "candidate"


def test_without_a_model_of_its_own_the_shipped_one_scores_but_never_acts(scope: Scope) -> None:
    decision = assess_attempt(subject(scope), now=NOON).decision

    assert decision.model_version.startswith("default-")
    assert decision.score is not None
    assert decision.action == "allow"
