"""Training on the platform's own history, and the registry of models."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.fraud import default_model
from apps.fraud.default_model import read_default_artifact
from apps.fraud.errors import ModelNotBetter, ModelUnwatched, TooFewFrauds
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

    with pytest.raises(CommandError, match="it takes 500"):
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
    promote_model(version="harsh", to=ModelStatus.SHADOW, now=NOON)
    forget_rules()

    shadowed = assess_attempt(subject(scope), now=NOON)
    assert (shadowed.action, shadowed.decision.score) == ("allow", 99)
    assert shadowed.decision.model_version == "harsh"

    crowned(model)

    acted = assess_attempt(subject(scope), now=NOON)
    assert (acted.action, acted.decision.level) == ("block", "highest")


def crowned(model: RiskModel) -> None:
    """Let the model act as one does that acted before: without a comparison."""
    RiskModel.objects.filter(pk=model.pk).update(status="retired", crowned_at=NOON)
    promote_model(version=model.version, to=ModelStatus.CHAMPION, now=NOON)
    forget_rules()


def test_a_shadow_model_is_recorded_beside_the_champion(scope: Scope) -> None:
    crowned(registered(version="calm", score_cuts=[1000.0 + step for step in range(99)]))
    registered(version="harsh", score_cuts=[-1000.0 + step for step in range(99)])
    promote_model(version="harsh", to=ModelStatus.SHADOW, now=NOON)
    forget_rules()

    decision = assess_attempt(subject(scope), now=NOON).decision

    assert (decision.action, decision.model_version, decision.score) == ("allow", "calm", 0)
    assert decision.shadow["model"] == {"version": "harsh", "score": 99}


def test_going_back_to_the_champion_of_before_retires_the_new_one() -> None:
    for version in ("old", "new"):
        crowned(registered(version=version))

    promote_model(version="old", to=ModelStatus.CHAMPION, now=NOON)

    statuses = dict(RiskModel.objects.values_list("version", "status"))
    assert statuses == {"old": "champion", "new": "retired"}


@pytest.mark.parametrize("steps", [[], [ModelStatus.RETIRED], [ModelStatus.SHADOW]])
def test_a_model_that_nobody_has_watched_for_a_week_cannot_act(steps: list[ModelStatus]) -> None:
    registered(version="new")
    for status in steps:
        promote_model(version="new", to=status, now=NOON)
    before = RiskModel.objects.get().status

    with pytest.raises(ModelUnwatched):
        promote_model(
            version="new", to=ModelStatus.CHAMPION, now=NOON + timedelta(days=7, seconds=-1)
        )

    assert RiskModel.objects.get().status == before


def damage_bytes(model: RiskModel) -> None:
    RiskModel.objects.filter(pk=model.pk).update(artifact=bytes(model.artifact)[:-40])


def damage_content(model: RiskModel) -> None:
    other = gzip.compress(json.dumps({**model.read_artifact(), "score_cuts": []}).encode())
    RiskModel.objects.filter(pk=model.pk).update(artifact=other)


def empty(model: RiskModel) -> None:
    RiskModel.objects.filter(pk=model.pk).update(artifact=b"")


@pytest.mark.parametrize("damage", [damage_bytes, damage_content, empty])
@pytest.mark.parametrize(("mode", "action"), [("open", "allow"), ("closed", "review")])
def test_a_champion_that_cannot_be_read_fails_no_payment(
    scope: Scope,
    settings: Any,
    damage: Callable[[RiskModel], None],
    mode: str,
    action: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.FRAUD_FAIL_MODE = mode
    model = registered(version="harsh", score_cuts=[-1000.0 + step for step in range(99)])
    crowned(model)
    damage(model)
    forget_rules()

    assessment = assess_attempt(subject(scope), now=NOON)

    assert (assessment.action, assessment.decision.score) == (action, None)
    assert assessment.decision.degraded == ["model"]
    assert "model harsh cannot be used" in caplog.text


def test_a_shadow_that_cannot_be_read_leaves_the_champion_alone(scope: Scope) -> None:
    crowned(registered(version="calm", score_cuts=[1000.0 + step for step in range(99)]))
    challenger = registered(version="new")
    promote_model(version="new", to=ModelStatus.SHADOW, now=NOON)
    empty(challenger)
    forget_rules()

    decision = assess_attempt(subject(scope), now=NOON).decision

    assert (decision.model_version, decision.degraded) == ("calm", [])
    assert "model" not in decision.shadow


def test_a_shipped_model_that_is_gone_fails_no_payment(
    scope: Scope, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(default_model, "DEFAULT_MODEL", tmp_path / "nothing.json")
    forget_rules()

    assessment = assess_attempt(subject(scope), now=NOON)

    assert (assessment.action, assessment.decision.degraded) == ("allow", ["model"])


# --- The comparison before a model acts -----------------------------------------------------------

WATCHED = NOON + timedelta(days=7)


def flat(version: str, *, learned_until: datetime) -> RiskModel:
    """Return a model that knows nothing: all payments look the same to it."""
    artifact = {
        **read_default_artifact(), "version": version, "trees": [[[-1, 0, 0, 0, 0.0]]],
    }  # fmt: skip
    metrics = {"learned_until": learned_until.isoformat()}
    return register_model(artifact=artifact, metrics=metrics, card="", now=NOON)


def keen(version: str, *, learned_until: datetime) -> RiskModel:
    """Return a model that knows what is fraud in the history of these tests."""
    place = read_default_artifact()["features"].index("card_age_days")
    tree = [[place, -0.5, 1, 2, 0.0], [-1, 0, 0, 0, 5.0], [-1, 0, 0, 0, -5.0]]
    artifact = {**read_default_artifact(), "version": version, "trees": [tree]}
    metrics = {"learned_until": learned_until.isoformat()}
    return register_model(artifact=artifact, metrics=metrics, card="", now=NOON)


def watched(model: RiskModel) -> None:
    promote_model(version=model.version, to=ModelStatus.SHADOW, now=NOON)


def status_of(model: RiskModel) -> str:
    return str(RiskModel.objects.get(pk=model.pk).status)


LONG_AGO = NOON - timedelta(weeks=WEEKS)


def test_a_model_acts_when_it_finds_frauds_better_than_the_one_in_use(scope: Scope) -> None:
    lived_history(scope, per_week=200)
    old, new = flat("old", learned_until=LONG_AGO), keen("new", learned_until=LONG_AGO)
    crowned(old)
    watched(new)

    promote_model(version="new", to=ModelStatus.CHAMPION, now=WATCHED)

    assert (status_of(old), status_of(new)) == ("retired", "champion")
    new.refresh_from_db()
    compared = new.metrics["compared"]
    assert compared["other"] == "old"
    assert (compared["average_precision"], compared["chance_worse"]) == (1.0, 0.0)
    assert compared["other_average_precision"] == pytest.approx(0.05, abs=0.001)
    assert (compared["payments"], compared["frauds"]) == (800, 40)


def test_a_model_that_finds_frauds_worse_does_not_act_and_the_figures_are_kept(
    scope: Scope,
) -> None:
    lived_history(scope, per_week=200)
    old, new = keen("old", learned_until=LONG_AGO), flat("new", learned_until=LONG_AGO)
    crowned(old)
    watched(new)

    with pytest.raises(ModelNotBetter) as refusal:
        promote_model(version="new", to=ModelStatus.CHAMPION, now=WATCHED)

    assert refusal.value.context["other_average_precision"] == 1.0
    assert (status_of(old), status_of(new)) == ("champion", "shadow")
    new.refresh_from_db()
    assert new.metrics["compared"]["chance_worse"] == 1.0


def test_the_first_model_is_compared_with_the_shipped_one(scope: Scope) -> None:
    lived_history(scope, per_week=200)
    new = keen("new", learned_until=LONG_AGO)
    watched(new)

    promote_model(version="new", to=ModelStatus.CHAMPION, now=WATCHED)

    new.refresh_from_db()
    assert new.metrics["compared"]["other"].startswith("default-")


@pytest.mark.parametrize("who", ["candidate", "champion"])
def test_models_are_not_compared_on_what_one_of_them_learned_from(scope: Scope, who: str) -> None:
    lived_history(scope, per_week=200)
    lately = WATCHED - timedelta(days=61)
    old = flat("old", learned_until=lately if who == "champion" else LONG_AGO)
    new = keen("new", learned_until=lately if who == "candidate" else LONG_AGO)
    crowned(old)
    watched(new)

    with pytest.raises(TooFewFrauds):
        promote_model(version="new", to=ModelStatus.CHAMPION, now=WATCHED)

    assert (status_of(old), status_of(new)) == ("champion", "shadow")


def test_without_a_model_of_its_own_the_shipped_one_scores_but_never_acts(scope: Scope) -> None:
    decision = assess_attempt(subject(scope), now=NOON).decision

    assert decision.model_version.startswith("default-")
    assert decision.score is not None
    assert decision.action == "allow"
