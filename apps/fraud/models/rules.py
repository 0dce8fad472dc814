"""Rules with their versions, and the lists they use."""

from datetime import datetime
from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.fraud.states import Action, ItemType, RuleStatus

S = RuleStatus


class RuleSet(models.Model):
    """
    The version of all rules and lists of one merchant and mode; every change counts it up.

    Processes keep the rules in memory and look at this one row to see whether they are still right.
    """

    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    version = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "fraud_ruleset"
        constraints = [
            models.UniqueConstraint(name="one_ruleset", fields=["merchant_id", "livemode"])
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} v{self.version}"


class RuleQuerySet(models.QuerySet["Rule"]):
    def lock(self, pk: str) -> "Rule":
        """Return the rule with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Rule(StatefulModel):
    """
    One version of a rule; `family` joins the versions, of which at most one is live.

    The expression never changes after the insert: a change is a new version. Rules of one action
    are evaluated by `position`, then by age.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "rule")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    family = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=200)
    action = models.CharField(max_length=30, choices=Action.choices)
    expression = models.CharField(max_length=2000)
    position = models.SmallIntegerField(default=0)
    status = StatusField(default=S.DRAFT, choices=S.choices)
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField()
    published_by = models.CharField(max_length=300, blank=True)
    published_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(RuleQuerySet)()

    class Meta:
        db_table = "fraud_rule"
        constraints = [
            models.UniqueConstraint(name="rule_version", fields=["family", "version"]),
            models.UniqueConstraint(
                name="one_live_version_per_rule", fields=["family"], condition=Q(status=S.LIVE)
            ),
            models.CheckConstraint(
                name="rule_live_was_published",
                condition=~Q(status=S.LIVE) | Q(published_at__isnull=False),
            ),
            models.CheckConstraint(
                name="rule_four_eyes",
                condition=Q(published_by="") | ~Q(published_by=models.F("created_by")),
            ),
        ]
        indexes = [models.Index(name="rule_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @transition(status, source=[S.DRAFT], target=S.SHADOW)
    def shadow(self) -> None:
        """Evaluate the rule and record its hits, without effect."""

    @transition(status, source=[S.DRAFT, S.SHADOW], target=S.LIVE)
    def publish(self, *, by: str, now: datetime) -> None:
        """Let the rule act, as a second person agreed."""
        self.published_by = by
        self.published_at = now

    @transition(status, source=[S.DRAFT, S.SHADOW, S.LIVE], target=S.RETIRED)
    def retire(self) -> None:
        """Switch the rule off."""

    @transition(status, source=[S.RETIRED], target=S.LIVE)
    def restore(self) -> None:
        """Put a version back that was live before; that needed a second person then."""


class ValueList(models.Model):
    """
    Values that rules may ask for by `alias`.

    An alias that ends in `_blocklist` or `_allowlist` acts without any rule, when its values are of
    a type that a payment has.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "rsl")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    alias = models.CharField(max_length=100)
    name = models.CharField(max_length=100)
    item_type = models.CharField(max_length=30, choices=ItemType.choices)
    metadata = models.JSONField(default=dict)
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "fraud_valuelist"
        constraints = [
            models.UniqueConstraint(
                name="one_list_per_alias", fields=["merchant_id", "livemode", "alias"]
            )
        ]

    def __str__(self) -> str:
        return self.alias


class ValueListItem(models.Model):
    """One value; without effect while it waits for a second person, and once it has expired."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "rsli")
    )
    value_list = models.ForeignKey(ValueList, on_delete=models.CASCADE, related_name="items")
    value = models.CharField(max_length=800)
    reason = models.CharField(max_length=500, blank=True)
    expires_at = models.DateTimeField(null=True)
    waits = models.BooleanField(default=False, db_default=False)
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "fraud_valuelistitem"
        constraints = [
            models.UniqueConstraint(name="list_value_once", fields=["value_list", "value"])
        ]
        indexes = [models.Index(name="list_value_found", fields=["value"])]

    def __str__(self) -> str:
        return self.id
