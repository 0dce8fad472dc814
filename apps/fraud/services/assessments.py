"""Judge an attempt before any gateway hears of it."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from prometheus_client import Counter, Histogram

from apps.common.ids import new_id
from apps.common.money import exponent as exponent_of
from apps.common.origin import Scope
from apps.fraud.features import describe_purchase
from apps.fraud.models import Decision, Review
from apps.fraud.policies import (
    ALLOWLIST_ENDING,
    BLOCKLIST_ENDING,
    BUDGET_SECONDS,
    DUPLICATE_FLAG,
    FACT_OF_LIST,
    REVIEW_LIFETIME,
    Verdict,
    decide,
    email_domain,
    level_of,
    without_personal,
)
from apps.fraud.rules import RuleResult, build_context, run_rules
from apps.fraud.rulesets import LoadedModel, LoadedRules, rules_in_force
from apps.fraud.sca import LOW_VALUE_SUM, CardPayment, ScaNeed, judge_sca
from apps.fraud.scoring.trees import Score
from apps.fraud.states import Action, Level
from apps.fraud.velocity import KEY_PREFIX, Counts, Sighting, count_attempt, digest

logger = logging.getLogger(__name__)

_decided = Counter("fraud_decisions", "Assessments by what they said.", ["action"])
_seconds = Histogram(
    "fraud_assessment_seconds",
    "Time of a whole assessment.",
    buckets=(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1),
)
_degraded = Counter("fraud_degraded", "Assessments without all they need.", ["missing"])

_HUNDREDTHS_EXPONENT: Final = 2
_MOST_HUNDREDTHS: Final = 10_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """
    What is known of an attempt when it is judged; texts are empty where nothing is known.

    `amount` is minor units of upper-case `currency`. `card` names the instrument across payments:
    the gateway's fingerprint if it ever told one. `is_setup`: the card is only saved, so there is
    no money and no currency. `is_duplicate_wanted` is the caller's word that a like payment is
    meant. `once` names the request: a retry of it is counted no second time.
    """

    scope: Scope
    intent_id: str
    attempt_id: str
    amount: int
    currency: str
    gateway: str
    method_type: str
    card: str
    seller: str
    card_details: Mapping[str, str] = field(default_factory=dict)
    customer: str = ""
    email: str = ""
    ip: str = ""
    ip_country: str = ""
    device: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_off_session: bool = False
    is_setup: bool = False
    is_retry: bool = False
    is_duplicate_wanted: bool = False
    once: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """What to do with the attempt, and the rows that tell why; unsaved, for the attempt's write."""

    action: Action
    asks_three_d_secure: bool
    decision: Decision
    review: Review | None


@dataclass(kw_only=True, slots=True)
class _Grounds:
    """What an assessment has gathered so far."""

    facts: dict[str, Any]
    features: dict[str, float] = field(default_factory=dict)
    score: Score | None = None
    challenger_score: int | None = None
    missing: list[str] = field(default_factory=list)


def assess_attempt(subject: Subject, *, now: datetime) -> Assessment:
    """
    Judge the attempt by lists, counts, the model's score and rules.

    It takes one round trip to Redis and mostly no statement. A part that is missing never fails the
    payment: the decision notes it, and with FRAUD_FAIL_MODE=closed the payment goes to a review.
    Source: docs/adr/0022-assessments-are-written-with-the-attempt.md
    """
    started = time.perf_counter()
    loaded, model = rules_in_force(subject.scope)
    grounds = _gather(subject, model, started=started, now=now)
    is_scored = grounds.score is not None and model is not None and model.is_champion
    context = build_context(
        grounds.facts, lambda alias, value: _is_listed(loaded, alias, value, now=now)
    )
    rules = run_rules(loaded.rules, context)
    verdict = decide(
        blocked_by=_hits(loaded, grounds.facts, BLOCKLIST_ENDING, now=now),
        allowed_by=_hits(loaded, grounds.facts, ALLOWLIST_ENDING, now=now),
        rules=rules,
        score=grounds.score.value if grounds.score and is_scored else None,
        is_blind=bool(grounds.missing) and settings.FRAUD_FAIL_MODE == "closed",
    )
    need = _judge_sca(subject, grounds)
    grounds.facts["sca"] = str(need)
    if need == ScaNeed.REQUIRED and verdict.action != Action.BLOCK:
        verdict = replace(verdict, asks_three_d_secure=True)
    if subject.is_off_session and verdict.asks_three_d_secure:
        # Nobody is there to be asked; the bank may still demand it.
        action = Action.ALLOW if verdict.action == Action.THREE_D_SECURE else verdict.action
        verdict = Verdict(action=action, asks_three_d_secure=False, matched=verdict.matched)
    if subject.is_setup and verdict.action != Action.BLOCK:
        # There is no money to hold for a review, and the bank is asked about its payer anyway.
        verdict = replace(verdict, action=Action.ALLOW)
    duration = time.perf_counter() - started
    decision = _record(subject, grounds, loaded, model, rules, verdict, now=now, duration=duration)
    _measure(verdict, grounds, duration)
    review = _open_review(decision, now=now) if verdict.action == Action.REVIEW else None
    return Assessment(
        action=verdict.action,
        asks_three_d_secure=verdict.asks_three_d_secure,
        decision=decision,
        review=review,
    )


def _gather(
    subject: Subject, model: LoadedModel | None, *, started: float, now: datetime
) -> _Grounds:
    grounds = _Grounds(facts=_facts(subject))
    if subject.is_off_session:
        # A renewal says nothing about its payer's habits, and nobody tests cards with it.
        return grounds
    amount, at = hundredths(subject.amount, subject.currency), int(now.timestamp())
    counts = count_attempt(sighting_of(subject, amount=amount, at=at))
    grounds.facts.update(counts.velocity)
    grounds.facts["is_duplicate"] = _is_duplicate(subject, counts)
    if not counts.is_exact:
        grounds.missing.append("velocity")
    elif time.perf_counter() - started > BUDGET_SECONDS:
        grounds.missing.append("budget")
    elif not subject.is_setup:
        if model is None:
            grounds.missing.append("model")
        grounds.features = describe_purchase(
            amount=amount, at=at, card=counts.card, seller=counts.seller
        )
        grounds.score = model.model.score(grounds.features) if model else None
        if model and model.challenger:
            grounds.challenger_score = model.challenger.score(grounds.features).value
    score = grounds.score
    grounds.facts["risk_score"] = score.value if score else -1
    grounds.facts["risk_level"] = str(level_of(score.value if score else None))
    return grounds


def _judge_sca(subject: Subject, grounds: _Grounds) -> ScaNeed:
    """Return what the law says; without exact counts nobody is exempt for paying little."""
    if subject.method_type != "card" or subject.is_setup:
        return ScaNeed.OUT_OF_SCOPE
    amount = hundredths(subject.amount, subject.currency)
    unknown = LOW_VALUE_SUM + 1
    return judge_sca(
        CardPayment(
            issuer_country=subject.card_details.get("country", ""),
            currency=subject.currency,
            amount=amount,
            is_off_session=subject.is_off_session,
            recent_count=grounds.facts.get("card_attempts_7d", unknown),
            recent_sum=grounds.facts.get("card_amount_7d", unknown),
            is_low_risk=grounds.facts.get("risk_level") == Level.NORMAL,
        ),
        acquired_in_area=settings.SCA_ACQUIRED_IN_AREA,
        low_risk_limit=settings.SCA_LOW_RISK_LIMIT,
    )


def _facts(subject: Subject) -> dict[str, Any]:
    return {
        "amount": subject.amount,
        "currency": subject.currency,
        "gateway": subject.gateway,
        "method_type": subject.method_type,
        "customer": subject.customer,
        "seller": subject.seller,
        "is_live": subject.scope.livemode,
        "is_off_session": subject.is_off_session,
        "is_setup": subject.is_setup,
        "is_duplicate": False,
        **{f"card_{name}": value for name, value in subject.card_details.items()},
        "ip": subject.ip,
        "ip_country": subject.ip_country,
        "email": subject.email.strip().lower(),
        "email_domain": email_domain(subject.email),
        "device": subject.device,
        "metadata": dict(subject.metadata),
    }


def hundredths(amount: int, currency: str) -> int:
    """
    Return minor units as hundredths of the major unit, whatever the currency's exponent.

    More than a hundred thousand units count as that: squares of amounts are summed in 64 bits.
    """
    exponent = exponent_of(currency)
    if exponent <= _HUNDREDTHS_EXPONENT:
        converted = amount * 10 ** (_HUNDREDTHS_EXPONENT - exponent)
    else:
        converted = amount // 10 ** (exponent - _HUNDREDTHS_EXPONENT)
    return int(min(converted, _MOST_HUNDREDTHS))


def scope_key(scope: Scope) -> str:
    """Return the part of a Redis key that keeps merchants and modes apart."""
    return f"{KEY_PREFIX}:{scope.merchant_id}:{'live' if scope.livemode else 'test'}"


def sighting_of(subject: Subject, *, amount: int, at: int) -> Sighting:
    """Return the attempt as it is counted; `amount` in hundredths, `at` in seconds."""
    named = {
        "card": subject.card,
        "customer": subject.customer,
        "ip": subject.ip,
        "email": subject.email,
        "email_domain": email_domain(subject.email),
        "device": subject.device,
    }
    before = settings.FRAUD_HASH_KEY_BEFORE
    like = f"{subject.customer}|{subject.card}|{subject.amount}|{subject.currency}"
    return Sighting(
        scope=scope_key(subject.scope),
        once=subject.once or subject.attempt_id,
        entities={entity: digest(name) for entity, name in named.items()},
        former={entity: digest(name, key=before) for entity, name in named.items() if before},
        seller=subject.seller,
        currency=subject.currency,
        like=digest(like),
        amount=amount,
        at=at,
    )


def _is_duplicate(subject: Subject, counts: Counts) -> bool:
    """
    Return whether the same customer just paid the same amount with the same method (AC-17).

    Another try of the same intent is none, and neither is what the caller says it wants.
    """
    is_alike = counts.velocity["like_attempts_1m"] > 1 and bool(subject.customer)
    return is_alike and not subject.is_retry and not subject.is_duplicate_wanted


def _is_listed(loaded: LoadedRules, alias: str, value: str, *, now: datetime) -> bool:
    return alias in loaded.lists and loaded.lists[alias].holds(value, now=now)


def _hits(
    loaded: LoadedRules, facts: Mapping[str, Any], ending: str, *, now: datetime
) -> list[str]:
    """Return the lists that act by their alias and hold one of the payment's facts."""
    return [
        f"@{alias}"
        for alias, held in loaded.lists.items()
        if alias.endswith(ending)
        and held.item_type in FACT_OF_LIST
        and held.holds(str(facts.get(FACT_OF_LIST[held.item_type], "")), now=now)
    ]


def _record(
    subject: Subject,
    grounds: _Grounds,
    loaded: LoadedRules,
    model: LoadedModel | None,
    rules: RuleResult,
    verdict: Verdict,
    *,
    now: datetime,
    duration: float,
) -> Decision:
    score = grounds.score
    facts = without_personal(grounds.facts)
    if subject.is_duplicate_wanted:
        # Who overrides the suspicion leaves a trace of it (AC-17).
        facts["allow_duplicate"] = True
    return Decision(
        id=new_id("frd"),
        merchant_id=subject.scope.merchant_id,
        livemode=subject.scope.livemode,
        intent_id=subject.intent_id,
        attempt_id=subject.attempt_id,
        action=verdict.action,
        score=score.value if score else None,
        level=level_of(score.value if score else None),
        model_version=model.model.version if model and score else "",
        rules_version=loaded.version,
        matched_rules=[
            *verdict.matched,
            *([DUPLICATE_FLAG] if facts.get("is_duplicate") else []),
        ],
        shadow={"rules": rules.shadow, "failed": rules.failed, **_challenge(model, grounds)},
        reasons=[[reason.words, reason.weight] for reason in score.reasons] if score else [],
        facts=facts,
        features={name: round(value, 6) for name, value in grounds.features.items()},
        entities=dict(
            sighting_of(subject, amount=hundredths(subject.amount, subject.currency), at=0).entities
        ),
        degraded=grounds.missing,
        duration_us=int(duration * 1_000_000),
        amount=subject.amount,
        currency=subject.currency,
        created_at=now,
    )


def _challenge(model: LoadedModel | None, grounds: _Grounds) -> dict[str, Any]:
    """Return what the model would have said that shadows the champion."""
    if model is None or model.challenger is None or grounds.challenger_score is None:
        return {}
    return {"model": {"version": model.challenger.version, "score": grounds.challenger_score}}


def _open_review(decision: Decision, *, now: datetime) -> Review:
    return Review(
        id=new_id("rv"),
        merchant_id=decision.merchant_id,
        livemode=decision.livemode,
        intent_id=decision.intent_id,
        attempt_id=decision.attempt_id,
        decision_id=decision.id,
        score=decision.score,
        amount=decision.amount,
        currency=decision.currency,
        due_at=now + REVIEW_LIFETIME,
        created_at=now,
    )


def _measure(verdict: Verdict, grounds: _Grounds, duration: float) -> None:
    _decided.labels(verdict.action).inc()
    _seconds.observe(duration)
    for missing in grounds.missing:
        _degraded.labels(missing).inc()
