"""Rules in the back-office: drafted, tried on history, watched, published, taken back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dashboard import Stacks
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, PreviewForm, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    moment,
    money,
    person,
    stacked,
    words,
)
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.pages import Drawings, Facts, Page, Panel, Table, Text
from apps.backoffice.kit.reader import read_once
from apps.common.origin import Origin, Scope, scope_of
from apps.fraud.backtest import Backtest, backtest_expression
from apps.fraud.errors import RuleInvalid
from apps.fraud.models import Rule
from apps.fraud.rule_hits import DayOfHits, count_hits, label_of, list_rule_hits, precision_of
from apps.fraud.rules import ATTRIBUTES, MAX_LENGTH
from apps.fraud.services.rules import (
    RuleWish,
    create_rule,
    request_publication,
    restore_rule,
    retire_rule,
    revise_rule,
    shadow_rule,
)
from apps.fraud.states import Action, RuleStatus

# On how much of the past a rule is tried before it is written or published.
TRIED_DAYS: Final = 30
# What the list counts of each rule, and how many days are drawn.
COUNTED_DAYS: Final = 7
DRAWN_DAYS: Final = 30
_TONES: Final = {
    RuleStatus.SHADOW: Tone.BUSY,
    RuleStatus.LIVE: Tone.GOOD,
}


class RuleForm(PreviewForm):
    """A rule; what it would have met is shown before it is written."""

    name = forms.CharField(max_length=200)
    action = forms.ChoiceField(
        choices=lambda: [(each, words(each)) for each in Action.values], initial=Action.REVIEW
    )
    expression = forms.CharField(
        max_length=MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "bo-expression"}),
        help_text="Such as: amount > 50000 && card_country != ip_country. All names stand above"
        " the list.",
    )
    position = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=1000,
        initial=0,
        help_text="Among rules of the same action the lowest comes first.",
    )
    field_order = ("nonce", "merchant", "livemode", "name", "action", "expression", "position")

    _tried: Backtest | None = None

    @property
    def scope(self) -> Scope:
        """Return whose payments it is about."""
        return scope_of(self.subject)

    def clean(self) -> dict[str, Any]:
        """Try the rule on history; one that cannot be read shows where."""
        if not self.errors:
            try:
                self._tried = backtest_expression(
                    scope=self.scope,
                    action=self.cleaned_data["action"],
                    expression=self.cleaned_data["expression"],
                    days=TRIED_DAYS,
                    now=timezone.now(),
                )
            except RuleInvalid as refusal:
                self.add_error("expression", _point_at(refusal.message))
        return super().clean()

    def shown(self) -> object:
        """Return what was tried: payments go on meanwhile, so their numbers do not count."""
        wish = (self.cleaned_data.get("action"), self.cleaned_data.get("expression"))
        return wish if self._tried else None

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the rule would have met."""
        return _describe_backtest(self._tried) if self._tried else ()


class ReviseForm(RuleForm):
    """A rule's next version, beside what the present one meets."""

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the next version would have met, each with what the present one did."""
        if self._tried is None:
            return ()
        try:
            before = dict(_describe_backtest(_try_rule(self.subject)))
        except RuleInvalid:
            # A list that it asks for may be gone since it was written.
            return super().facts()
        return [
            (name, said if before.get(name) == said else f"{before.get(name, NOTHING)} → {said}")
            for name, said in super().facts()
        ]


class NewRuleForm(RuleForm):
    """A rule, and whose payments it is about."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    livemode = forms.BooleanField(required=False, label="Live mode: real money")

    @property
    def scope(self) -> Scope:
        """Return whose payments were chosen."""
        return Scope(self.cleaned_data["merchant"], livemode=self.cleaned_data["livemode"])


def _point_at(message: str) -> list[ValidationError]:
    """Return the compiler's words, and below them the expression with a caret at the place."""
    said, *place = message.split("\n| ")
    errors = [ValidationError(said)]
    if place:
        marked = format_html('<code class="bo-caret">{}</code>', "\n".join(place))
        errors.append(ValidationError(marked))
    return errors


def _try_rule(rule: Rule) -> Backtest:
    return backtest_expression(
        scope=rule.scope,
        action=rule.action,
        expression=rule.expression,
        days=TRIED_DAYS,
        now=timezone.now(),
    )


def _describe_backtest(tried: Backtest) -> list[tuple[str, str]]:
    result = tried.render()
    return [
        (f"Payments of the last {tried.days} days", f"{tried.payments:,}"),
        ("It would have met", f"{result['matched']:,}"),
        ("Known frauds among them", f"{result['matched_fraud']:,} of {tried.frauds:,}"),
        ("Good payments among them", f"{result['matched_good']:,}"),
        ("Right, where it is known", _percent(result["precision_basis_points"])),
        ("Frauds that it finds", _percent(result["recall_basis_points"])),
        *(
            (f"Sum in {effect.currency}", money(effect.amount, effect.currency))
            for effect in tried.effects
        ),
    ]


def _percent(basis_points: int | None) -> str:
    return NOTHING if basis_points is None else f"{basis_points / 100:.1f} %"


def _read_wish(answers: Mapping[str, Any]) -> RuleWish:
    return RuleWish(
        name=answers["name"],
        action=answers["action"],
        expression=answers["expression"],
        position=answers["position"] or 0,
    )


class NewRuleDialog(Dialog):
    """Draft a rule."""

    name = "draft"
    label = "New rule…"
    permission = "fraud.add_rule"
    form_class = NewRuleForm
    submit = "Write the draft"

    def explanation(self) -> str:
        """Say that nothing happens yet."""
        return "A draft acts on no payment. It is tried on the last 30 days before it is written."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Write it."""
        rule = create_rule(
            scope=Scope(answers["merchant"], answers["livemode"]),
            wish=_read_wish(answers),
            origin=origin,
            now=now,
        )
        return Outcome(message="“{name}” is a draft.", facts={"name": rule.name}, object_id=rule.id)


class _RuleDialog(Dialog):
    subject: Rule
    permission = "fraud.add_rule"
    form_class: ClassVar[type[DialogForm]] = ReasonForm

    def look(self) -> Mapping[str, Any]:
        """Return which version of the rule is in force."""
        family = Rule.objects.filter(family=self.subject.family)
        return {"live": family.filter(status=RuleStatus.LIVE).values_list("pk", flat=True).first()}


class ReviseDialog(_RuleDialog):
    """Draft a rule's next version."""

    name = "revise"
    label = "Change…"
    form_class = ReviseForm
    submit = "Write the next version"

    def explanation(self) -> str:
        """Say what stays."""
        return "The version in force stays in force until a second person agrees to the next one."

    def initial(self) -> Mapping[str, Any]:
        """Return the rule as it is."""
        rule = self.subject
        return {
            "name": rule.name,
            "action": rule.action,
            "expression": rule.expression,
            "position": rule.position,
        }

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Write it."""
        rule = revise_rule(
            scope=self.subject.scope,
            rule_id=self.subject.id,
            wish=_read_wish(answers),
            origin=origin,
            now=now,
        )
        return Outcome(
            message="Version {version} of “{name}” is a draft ({rule}).",
            facts={"version": rule.version, "name": rule.name, "rule": rule.id},
        )


class ShadowDialog(_RuleDialog):
    """Let a draft run without effect."""

    name = "shadow"
    label = "Watch…"
    submit = "Watch it"

    def is_offered(self) -> bool:
        """Return whether it is a draft."""
        return bool(self.subject.status == RuleStatus.DRAFT)

    def explanation(self) -> str:
        """Say what is to be seen."""
        return "It acts on no payment; each decision records whether it would have."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Watch."""
        del origin, now
        shadow_rule(scope=self.subject.scope, rule_id=self.subject.id)
        return Outcome(message="It is watched now.")


class PublishDialog(_RuleDialog):
    """Ask a second person to let a rule act."""

    name = "publish"
    label = "Ask to publish…"
    submit = "Ask"

    def is_offered(self) -> bool:
        """Return whether the rule is not in force yet."""
        return self.subject.status in {RuleStatus.DRAFT, RuleStatus.SHADOW}

    def explanation(self) -> str:
        """Say who decides."""
        return "The rule acts on payments once a second person has agreed."

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the rule would have met lately."""
        try:
            return _describe_backtest(_try_rule(self.subject))
        except RuleInvalid as refusal:
            # A list that it asks for may be gone since it was written.
            return [("Cannot be tried", refusal.message)]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Ask."""
        approval = request_publication(
            scope=self.subject.scope,
            rule_id=self.subject.id,
            reason=answers["reason"],
            origin=origin,
            now=now,
        )
        return Outcome(
            message="Asked: {request} waits for a second person.", facts={"request": approval.id}
        )


class RetireDialog(_RuleDialog):
    """Switch a rule off."""

    name = "retire"
    label = "Switch off…"
    permission = "fraud.change_rule"
    submit = "Switch off"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether there is something to switch off."""
        return bool(self.subject.status != RuleStatus.RETIRED)

    def explanation(self) -> str:
        """Say how fast."""
        return "All processes stop asking the rule within two seconds."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Retire."""
        del origin, now
        retire_rule(scope=self.subject.scope, rule_id=self.subject.id)
        return Outcome(message="Switched off.")


class RestoreDialog(_RuleDialog):
    """Put a version in force again that was live before."""

    name = "restore"
    label = "Roll back to this…"
    permission = "fraud.change_rule"
    submit = "Put it in force"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether a second person agreed to it once."""
        return self.subject.status == RuleStatus.RETIRED and self.subject.published_at is not None

    def explanation(self) -> str:
        """Say why nobody else is asked, and how fast it is."""
        return (
            "A second person agreed to this version when it went live. It acts within two seconds,"
            " in the place of the version that is live now."
        )

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Roll back."""
        del origin, now
        rule = restore_rule(scope=self.subject.scope, rule_id=self.subject.id)
        return Outcome(message="Version {version} is live again.", facts={"version": rule.version})


@admin.register(Rule)
class RuleAdmin(FiguresAdmin):
    """Rules, all versions of them."""

    search_help_text = "Rule"
    list_display = ("what", "does", "version", "state", "met", "right", "by")
    list_filter = ("status", "action", "livemode")
    tabs = (
        ("All", ""),
        ("Live", "status__exact=live"),
        ("Shadow", "status__exact=shadow"),
        ("Drafts", "status__exact=draft"),
    )
    dialogs = (PublishDialog, ReviseDialog, ShadowDialog, RestoreDialog, RetireDialog)
    list_dialogs = (NewRuleDialog,)

    def figures(self) -> Sequence[Panel]:
        """Return what all rules and lists met."""
        return (_draw_hits(read_once(_hits_until_now)),)

    def prepare(self, rows: list[Any]) -> None:
        """Load what the rules of the page met."""
        found = read_once(_hits_until_now)
        for row in rows:
            row.shown_hits = [each for each in found if each.label == label_of(row)]

    def folded(self) -> Sequence[tuple[str, Sequence[Panel]]]:
        """Return what a rule may ask about."""
        table = Table(
            "Attributes",
            ("Name", "Type", "Means"),
            [
                (format_html("<code>{}</code>", each.name), each.type.__name__, each.description)
                for each in ATTRIBUTES.values()
            ],
            empty="",
        )
        return (("What a rule may ask", (table,)),)

    @admin.display(description="Rule")
    def what(self, rule: Rule) -> SafeString:
        """Return the name and the expression."""
        return stacked(rule.name, format_html("<code>{}</code>", rule.expression[:80]))

    @admin.display(description="Action")
    def does(self, rule: Rule) -> str:
        """Return what it asks for."""
        return words(rule.action)

    @admin.display(description="Status")
    def state(self, rule: Rule) -> SafeString:
        """Return whether it acts."""
        return _rule_chip(rule)

    @admin.display(description="Hits, 7 days")
    def met(self, rule: Any) -> str:
        """Return how many payments it met lately."""
        since = _days_ago(COUNTED_DAYS)
        return f"{count_hits(rule.shown_hits, since=since):,}"

    @admin.display(description="Right")
    def right(self, rule: Any) -> Text:
        """Return how often it was right, where that is known."""
        return _precision(rule.shown_hits)

    @admin.display(description="Published by")
    def by(self, rule: Rule) -> str:
        """Return who agreed to it."""
        return person(rule.published_by)

    def page(self, _request: HttpRequest, obj: Rule) -> Page:
        """Show the rule with its versions."""
        versions = Rule.objects.filter(family=obj.family).order_by("-version")[:50]
        own = [each for each in _hits_until_now() if each.label == label_of(obj)]
        return Page(
            heading=obj.name,
            chips=(_rule_chip(obj), chip(words(obj.action))),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "Rule",
                    [
                        ("Acts where", format_html("<code>{}</code>", obj.expression)),
                        ("Then", words(obj.action)),
                        ("Hits, 7 days", f"{count_hits(own, since=_days_ago(COUNTED_DAYS)):,}"),
                        ("Right, where it is known", _precision(own)),
                    ],
                ),
                Table(
                    "Versions",
                    ("Version", "Status", "Expression", "Written by", "Published by"),
                    [
                        (
                            stacked(str(version.version), identifier(version.id)),
                            _rule_chip(version),
                            format_html("<code>{}</code>", version.expression),
                            person(version.created_by),
                            person(version.published_by),
                        )
                        for version in versions
                    ],
                    empty="",
                ),
                _draw_hits(own),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Position", str(obj.position)),
                        ("Written by", person(obj.created_by)),
                        ("Created", moment(obj.created_at)),
                        ("Published by", person(obj.published_by)),
                        ("Published", moment(obj.published_at)),
                    ],
                ),
            ),
        )


def _hits_until_now() -> list[DayOfHits]:
    return list_rule_hits(now=timezone.now())


def _days_ago(days: int) -> date:
    """Return the first of so many days that end today."""
    return timezone.now().date() - timedelta(days=days - 1)


def _precision(hits: Collection[DayOfHits]) -> Text:
    known = sum(each.frauds + each.good for each in hits)
    right = precision_of(hits)
    if right is None:
        return NOTHING
    return stacked(_percent(right), gettext("of %(known)s known") % {"known": f"{known:,}"})


def _draw_hits(hits: Collection[DayOfHits]) -> Drawings:
    first = _days_ago(DRAWN_DAYS)
    days = [first + timedelta(days=number) for number in range(DRAWN_DAYS)]
    met = {day: [each for each in hits if each.day == day] for day in days}
    return Drawings(
        [
            Stacks(
                title="Hits per day",
                hint="Payments that rules and lists met, of the last 30 days.",
                first_column="Day",
                parts=(("With effect", Tone.GOOD), ("Watched", Tone.BUSY)),
                stacks=[
                    (
                        f"{day:%d %b}",
                        (sum(each.live for each in met[day]), sum(e.shadow for e in met[day])),
                    )
                    for day in days
                ],
            )
        ]
    )


def _rule_chip(rule: Rule) -> SafeString:
    return chip(words(rule.status), _TONES.get(RuleStatus(rule.status), Tone.NEUTRAL))
