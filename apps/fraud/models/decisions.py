"""What was decided about an attempt, on what grounds, and what later turned out to be true."""

from functools import partial
from typing import Final

from django.db import models
from django.db.models import Q

from apps.common.ids import new_id
from apps.fraud.states import Action, LabelSource, Level

# The currency of a decision about a card that was only saved.
NO_MONEY: Final = ""


class Decision(models.Model):
    """
    One assessment of one attempt, kept as it was made; the table is append-only.

    Of a card that is saved, `intent_id` is the setup intent and `currency` is `NO_MONEY`.

    `facts` is what the rules were given and `features` what the model was given, so that rules and
    models can be tried on history without computing it again. Neither holds an e-mail or IP address
    in clear. `degraded` names what was not available. `amount` is minor units of `currency`.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "frd")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    intent_id = models.CharField(max_length=40)
    attempt_id = models.CharField(max_length=40)
    action = models.CharField(max_length=30, choices=Action.choices)
    score = models.SmallIntegerField(null=True)
    level = models.CharField(max_length=20, choices=Level.choices)
    model_version = models.CharField(max_length=40, blank=True)
    rules_version = models.PositiveIntegerField(default=0)
    matched_rules = models.JSONField(default=list)
    shadow = models.JSONField(default=dict)
    reasons = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    features = models.JSONField(default=dict)
    entities = models.JSONField(default=dict)
    degraded = models.JSONField(default=list)
    duration_us = models.PositiveIntegerField(default=0)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "fraud_decision"
        constraints = [
            models.UniqueConstraint(name="one_decision_per_attempt", fields=["attempt_id"]),
            models.CheckConstraint(
                name="decision_score_range",
                condition=Q(score__isnull=True) | Q(score__range=(0, 99)),
            ),
        ]
        indexes = [
            models.Index(name="decision_list", fields=["merchant_id", "livemode", "created_at"]),
            models.Index(name="decision_intent", fields=["intent_id"]),
            # What rules met, live or in the shadow: few of all payments.
            models.Index(
                name="decision_hits",
                fields=["created_at"],
                condition=~Q(matched_rules=[]) | ~Q(shadow__rules=[]),
            ),
        ]

    def __str__(self) -> str:
        return self.id


class Check(models.Model):
    """
    What the bank told about the payer when it authorised, and what that means; append-only.

    The checks are the gateway's words: `pass`, `fail`, `unavailable`, `unchecked` or empty.
    `liability_shifted` says that the bank bears a chargeback for fraud, because it authenticated
    the payer. `action` is `allow` or `review`.
    """

    attempt_id = models.CharField(primary_key=True, max_length=40, db_collation="C")
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    intent_id = models.CharField(max_length=40)
    cvc_check = models.CharField(max_length=20, blank=True)
    avs_line1_check = models.CharField(max_length=20, blank=True)
    avs_postal_code_check = models.CharField(max_length=20, blank=True)
    three_d_secure = models.CharField(max_length=30, blank=True)
    liability_shifted = models.BooleanField()
    action = models.CharField(max_length=30, choices=Action.choices)
    reasons = models.JSONField(default=list)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "fraud_check"
        indexes = [models.Index(name="check_intent", fields=["intent_id"])]

    def __str__(self) -> str:
        return self.attempt_id


class Label(models.Model):
    """Somebody's word that a payment was fraud, or was not; `observed_at` is when we heard it."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "frl")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    intent_id = models.CharField(max_length=40)
    source = models.CharField(max_length=20, choices=LabelSource.choices)
    is_fraud = models.BooleanField()
    observed_at = models.DateTimeField()

    class Meta:
        db_table = "fraud_label"
        constraints = [
            models.UniqueConstraint(name="one_label_per_source", fields=["intent_id", "source"])
        ]

    def __str__(self) -> str:
        return self.id
