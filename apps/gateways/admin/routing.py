"""Gateways in the back-office: how they fare, and the rules by which payments reach them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dashboard import Stacks
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    moment,
    plain_amount,
    stacked,
)
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.pages import Drawings, Facts, Page, Panel, Table, Text
from apps.common.origin import Origin, Scope
from apps.gateways.admin.simulation import SimulateDialog
from apps.gateways.circuit import CircuitState
from apps.gateways.models import RoutingRule
from apps.gateways.records import GatewayState, read_gateway_states, take_back, take_out
from apps.gateways.registry import gateway_names
from apps.gateways.replay import Outlook, Replay
from apps.gateways.routing import Conditions
from apps.gateways.services import (
    MAX_WEIGHT,
    RoutingWish,
    change_routing_rule,
    create_routing_rule,
    wish_of,
)
from apps.gateways.simulation import simulate_routing

# How many payments a rule is tried on before it goes live: a day's worth for most, and quick.
TRIED_PAYMENTS: Final = 1_000
_MAX_VERSIONS: Final = 50

# Faults of a hundred attempts from which on a gateway looks ill.
_FAULTS_BAD_PERCENT: Final = 5
_CIRCUITS: Final = {
    CircuitState.CLOSED: ("In use", Tone.GOOD),
    CircuitState.HALF_OPEN: ("Being tried", Tone.WARNING),
    CircuitState.OPEN: ("Rests", Tone.BAD),
}
_RESTS: Final = [("15", "15 minutes"), ("60", "1 hour"), ("240", "4 hours"), ("1440", "1 day")]

_LISTS: Final = ("currencies", "countries", "brands", "method_types", "sellers")
_WEIGHT_PREFIX: Final = "weight_"


class RuleForm(DialogForm):
    """A whole rule: whom it is about, and one weight per gateway."""

    name = forms.CharField(max_length=100, help_text="What the decision calls it.")
    priority = forms.IntegerField(
        min_value=0, max_value=10_000, initial=100, help_text="The lowest that matches decides."
    )
    currencies = forms.CharField(required=False, help_text="With blanks between: EUR USD")
    countries = forms.CharField(required=False, help_text="Of the card: DE FR")
    brands = forms.CharField(required=False, help_text="visa mastercard")
    method_types = forms.CharField(required=False, help_text="card sepa_debit")
    sellers = forms.CharField(required=False, help_text="acct_...")
    amount_from = forms.IntegerField(required=False, min_value=1, help_text="Minor units.")
    amount_to = forms.IntegerField(required=False, min_value=1, help_text="Minor units, included.")

    def __init__(self, data: Any = None, *, subject: Any = None) -> None:
        super().__init__(data, subject=subject)
        for gateway in gateway_names():
            self.fields[f"{_WEIGHT_PREFIX}{gateway}"] = forms.IntegerField(
                label=f"Weight of {gateway}", min_value=0, max_value=MAX_WEIGHT, initial=0
            )
        # What every rule needs comes first, the conditions that few have after it.
        first = ("merchant", "livemode", "name", "priority")
        self.order_fields([*first, *(f"{_WEIGHT_PREFIX}{each}" for each in gateway_names())])


class NewRuleForm(RuleForm):
    """A rule, and whose payments it is about."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    livemode = forms.BooleanField(required=False, label="Live mode: real money")


def _read_wish(answers: Mapping[str, Any], *, is_active: bool) -> RoutingWish:
    words = {name: tuple(answers[name].split()) for name in _LISTS}
    for name in ("currencies", "countries"):
        words[name] = tuple(each.upper() for each in words[name])
    return RoutingWish(
        name=answers["name"],
        priority=answers["priority"],
        is_active=is_active,
        conditions=Conditions(
            **words, amount_from=answers["amount_from"], amount_to=answers["amount_to"]
        ),
        weights={
            gateway: answers[f"{_WEIGHT_PREFIX}{gateway}"]
            for gateway in gateway_names()
            if answers[f"{_WEIGHT_PREFIX}{gateway}"]
        },
    )


class NewRuleDialog(Dialog):
    """Write a rule."""

    name = "create"
    label = "New rule…"
    permission = "gateways.add_routingrule"
    form_class = NewRuleForm
    submit = "Write the rule"

    def explanation(self) -> str:
        """Say that nothing happens yet."""
        return "The rule waits: look at what it would have done, then switch it on."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Create."""
        rule = create_routing_rule(
            scope=Scope(answers["merchant"], answers["livemode"]),
            wish=_read_wish(answers, is_active=False),
            origin=origin,
            now=now,
        )
        return Outcome(
            message="“{rule}” waits to be switched on.",
            facts={"rule": rule.name},
            object_id=rule.id,
        )


class _RuleDialog(Dialog):
    subject: RoutingRule
    permission = "gateways.change_routingrule"

    def look(self) -> Mapping[str, Any]:
        """Return what decides about payments."""
        return RoutingRule.objects.values("version", "is_active", "weights").get(pk=self.subject.pk)


class ChangeRuleDialog(_RuleDialog):
    """Write a rule's next version."""

    name = "change"
    label = "Change…"
    form_class = RuleForm
    submit = "Write the next version"

    def explanation(self) -> str:
        """Say when it holds."""
        if self.subject.is_active:
            return "The rule is live: payments follow the new version within seconds."
        return "The rule waits; nothing follows it until it is switched on."

    def initial(self) -> Mapping[str, Any]:
        """Return the rule as it is."""
        rule = self.subject
        weights = {f"{_WEIGHT_PREFIX}{name}": weight for name, weight in rule.weights.items()}
        return {
            "name": rule.name,
            "priority": rule.priority,
            "amount_from": rule.amount_from,
            "amount_to": rule.amount_to,
            **{name: " ".join(getattr(rule, name)) for name in _LISTS},
            **weights,
        }

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Change."""
        rule = change_routing_rule(
            scope=self.subject.scope,
            rule_id=self.subject.id,
            wish=_read_wish(answers, is_active=self.subject.is_active),
            origin=origin,
        )
        return Outcome(
            message="“{rule}” is at version {version}.",
            facts={"rule": rule.name, "version": rule.version},
        )


class _SwitchDialog(_RuleDialog):
    """Change nothing of a rule but whether it is live."""

    form_class = ReasonForm
    makes_active: bool

    def is_offered(self) -> bool:
        """Return whether that would change something."""
        return bool(self.subject.is_active) is not self.makes_active

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Switch."""
        del now
        rule = change_routing_rule(
            scope=self.subject.scope,
            rule_id=self.subject.id,
            wish=_switched(self.subject, is_active=self.makes_active),
            origin=origin,
        )
        return Outcome(
            message="“{rule}” is live." if rule.is_active else "“{rule}” is switched off.",
            facts={"rule": rule.name},
        )


class SwitchOnDialog(_SwitchDialog):
    """Let payments follow a rule, once somebody has seen what it would have done."""

    name = "switch-on"
    label = "Switch on…"
    submit = "Let payments follow it"
    makes_active = True

    def explanation(self) -> str:
        """Say what stands below."""
        return f"Tried on the latest {TRIED_PAYMENTS} payments. It is followed within seconds."

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the rule would have changed."""
        replay = simulate_routing(
            scope=self.subject.scope,
            wishes=[_switched(self.subject, is_active=True)],
            replaces=self.subject.id,
            last=TRIED_PAYMENTS,
        )
        return _describe_replay(replay)


class SwitchOffDialog(_SwitchDialog):
    """Stop following a rule."""

    name = "switch-off"
    label = "Switch off…"
    submit = "Switch off"
    is_dangerous = True
    makes_active = False

    def explanation(self) -> str:
        """Say what payments go by then."""
        return "Payments go by the other rules, and without one by success rate and cost."


def _switched(rule: RoutingRule, *, is_active: bool) -> RoutingWish:
    wish = wish_of(rule)
    return RoutingWish(
        name=wish.name,
        priority=wish.priority,
        conditions=wish.conditions,
        weights=wish.weights,
        is_active=is_active,
    )


def _describe_replay(replay: Replay) -> list[tuple[str, str]]:
    points = replay.success_points
    costs = {
        currency: replay.candidate.costs.get(currency, 0) - amount
        for currency, amount in replay.in_force.costs.items()
    }
    return [
        ("Tried on", f"{replay.payments} payments"),
        ("Go elsewhere", str(replay.moved)),
        ("Today", _shares(replay.in_force)),
        ("With the rule", _shares(replay.candidate)),
        ("Expected success", NOTHING if points is None else f"{points:+.1f} points"),
        *(
            (f"Cost in {currency}", f"{'+' if more > 0 else ''}{plain_amount(more, currency)}")
            for currency, more in sorted(costs.items())
        ),
    ]


def _shares(outlook: Outlook) -> str:
    total = sum(outlook.firsts.values())
    shares = [
        f"{name} {count * 100 / total:.0f} %" for name, count in sorted(outlook.firsts.items())
    ]
    return ", ".join(shares) or NOTHING


class GatewayForm(ReasonForm):
    """Which gateway, and why."""

    gateway = forms.ChoiceField(choices=lambda: [(name, name) for name in gateway_names()])
    field_order = ("nonce", "gateway", "minutes", "reason")


class FailoverForm(GatewayForm):
    """Besides, for how long."""

    minutes = forms.ChoiceField(label="For", choices=_RESTS)


class _GatewayDialog(Dialog):
    permission = "gateways.change_routingrule"

    def look(self) -> Mapping[str, Any]:
        """Return which gateways are in use."""
        states = read_gateway_states(now=timezone.now())
        return {each.name: each.circuit.name.lower() for each in states}


class FailoverDialog(_GatewayDialog):
    """Take a gateway out of use."""

    name = "force-failover"
    label = "Force failover…"
    form_class = FailoverForm
    submit = "Send payments elsewhere"
    is_dangerous = True

    def explanation(self) -> str:
        """Say what goes on."""
        return (
            "New payments go to the other gateways within a second. What this one holds is still"
            " captured, voided and refunded there. Afterwards a single payment tries it first."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Take it out."""
        del origin
        until = now + timedelta(minutes=int(answers["minutes"]))
        take_out(gateway=answers["gateway"], until=until, now=now)
        return Outcome(
            message="{gateway} gets no new payments until {until} UTC.",
            facts={"gateway": answers["gateway"], "until": f"{until:%H:%M}"},
        )


class FailBackDialog(_GatewayDialog):
    """Use a gateway again that rests."""

    name = "fail-back"
    label = "Fail back…"
    form_class = GatewayForm
    submit = "Send payments there again"

    def explanation(self) -> str:
        """Say that nothing is tried first."""
        return (
            "Payments go there at once, by the rules. If it still fails, it rests again by itself."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Take it back."""
        del origin
        take_back(gateway=answers["gateway"], now=now)
        return Outcome(message="{gateway} is in use again.", facts={"gateway": answers["gateway"]})


@admin.register(RoutingRule)
class RoutingRuleAdmin(FiguresAdmin):
    """The gateways above their rules, which stand by age; on a page all versions of one."""

    search_help_text = "Rule"
    list_display = ("what", "when", "where", "priority", "version", "state")
    list_filter = ("is_active", "livemode")
    tabs = (("All", ""), ("Live", "is_active__exact=1"))
    dialogs = (ChangeRuleDialog, SwitchOnDialog, SwitchOffDialog)
    list_dialogs = (NewRuleDialog, SimulateDialog, FailoverDialog, FailBackDialog)

    def figures(self) -> Sequence[Panel]:
        """Return how each gateway fares, and how much goes there."""
        now = timezone.now()
        states = read_gateway_states(now=now)
        shares: Stacks = import_string(settings.GATEWAY_SHARES)(gateway_names(), now=now)
        return [
            Table(
                "Gateways, the last 24 hours",
                ("Gateway", "State", "Without an answer", "p95", "Share", "Last failover"),
                [_gateway_row(each) for each in states],
                empty="No gateway is set up: see GATEWAYS in the settings.",
                numbers=(2, 3, 4),
            ),
            Drawings([shares]),
        ]

    @admin.display(description="Rule")
    def what(self, rule: RoutingRule) -> SafeString:
        """Return name and id."""
        return stacked(rule.name, rule.id)

    @admin.display(description="Payments")
    def when(self, rule: RoutingRule) -> str:
        """Return the conditions."""
        return _describe_conditions(rule)

    @admin.display(description="Go to")
    def where(self, rule: RoutingRule) -> str:
        """Return the weights."""
        return _describe_weights(rule.weights)

    @admin.display(description="State")
    def state(self, rule: RoutingRule) -> SafeString:
        """Return whether payments follow it."""
        return _state_chip(rule)

    def page(self, _request: HttpRequest, obj: RoutingRule) -> Page:
        """Show the rule with its versions."""
        versions = obj.history.order_by("-version")[:_MAX_VERSIONS]
        return Page(
            heading=obj.name,
            chips=(_state_chip(obj),),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "Rule",
                    [
                        ("Payments", _describe_conditions(obj)),
                        ("Go to", _describe_weights(obj.weights)),
                        ("Priority", str(obj.priority)),
                    ],
                ),
                Table(
                    "Versions",
                    ("Version", "State", "Payments", "Go to", "Priority", "Written by", "At"),
                    [_version_row(each) for each in versions],
                    empty="",
                ),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Merchant", obj.merchant_id),
                        ("Mode", "Live" if obj.livemode else "Test"),
                        ("Written", moment(obj.created_at)),
                    ],
                ),
            ),
        )


def _gateway_row(gateway: GatewayState) -> Sequence[Text]:
    record = gateway.record
    return (
        gateway.name,
        chip(*_CIRCUITS[gateway.circuit]),
        _faults(record.faults, record.attempts),
        NOTHING if record.p95_ms is None else f"{record.p95_ms:,} ms",
        f"{gateway.share_percent} % of {record.attempts:,}" if record.attempts else NOTHING,
        moment(record.left_at),
    )


def _faults(faults: int, attempts: int) -> Text:
    if not attempts:
        return NOTHING
    is_bad = faults * 100 >= attempts * _FAULTS_BAD_PERCENT
    return chip(f"{faults * 100 / attempts:.1f} %", Tone.BAD if is_bad else Tone.GOOD)


def _version_row(version: Any) -> Sequence[Text]:
    return (
        str(version.version),
        _state_chip(version),
        _describe_conditions(version),
        _describe_weights(version.weights),
        str(version.priority),
        version.changed_by or NOTHING,
        moment(version.history_date),
    )


def _state_chip(rule: Any) -> SafeString:
    return chip("Live", Tone.GOOD) if rule.is_active else chip("Off")


def _describe_conditions(rule: Any) -> str:
    parts = [", ".join(getattr(rule, name)) for name in _LISTS if getattr(rule, name)]
    if rule.amount_from is not None:
        parts.append(f"from {rule.amount_from}")
    if rule.amount_to is not None:
        parts.append(f"up to {rule.amount_to}")
    return " · ".join(parts) or "All"


def _describe_weights(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {weight}" for name, weight in weights.items())
