"""The review queue, and the decisions behind it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from apps.backoffice.kit.assigning import AssignToMeDialog, BulkAssignDialog, BulkAssignForm
from apps.backoffice.kit.dashboard import Bar, Chart
from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    age,
    chip,
    identifier,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.filters import AmountFilter, AssigneeFilter
from apps.backoffice.kit.pages import Drawings, Facts, Page, Panel, Raw, Table, Text
from apps.backoffice.models import User
from apps.common.origin import Origin
from apps.fraud.admin.filters import RuleFilter, ScoreFilter
from apps.fraud.display import LEVEL_TONES, score_chip
from apps.fraud.models import Check, Decision, Review, ReviewCase
from apps.fraud.policies import ELEVATED_SCORE, HIGHEST_SCORE, level_of
from apps.fraud.selectors import SCORE_STEP, count_scores, linked_decisions
from apps.fraud.services.reviews import approve_review, assign_reviews, block_card, decline_review
from apps.fraud.states import ReviewStatus

# What the queue says of why a payment is there; its page says all.
REASONS_SHOWN: Final = 3
# How often within a day: fact of the decision -> how the queue calls it.
_VELOCITY: Final = {
    "card_attempts_24h": "card",
    "customer_attempts_24h": "customer",
    "ip_attempts_24h": "address",
    "ip_cards_24h": "cards_of_the_address",
    "device_attempts_24h": "device",
}
_WORST_SCORE: Final = 100
# Who has so little time left comes next.
_SOON: Final = timedelta(hours=4)


class _ReviewDialog(Dialog):
    subject: Review
    permission = "fraud.change_review"
    form_class = ReasonForm
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether nobody has decided yet."""
        return bool(self.subject.status == ReviewStatus.OPEN)

    def look(self) -> Mapping[str, Any]:
        """Return the review's state."""
        return Review.objects.values("status", "closed_by").get(pk=self.subject.pk)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what is at stake."""
        return [
            ("Amount", money(self.subject.amount, self.subject.currency)),
            ("Score", NOTHING if self.subject.score is None else str(self.subject.score)),
        ]


class ApproveDialog(_ReviewDialog):
    """Find the payment good."""

    name = "approve"
    label = "Approve…"
    submit = "Take the money"

    def explanation(self) -> str:
        """Say what follows."""
        return "The held money is taken, and the payment counts as good when a model learns."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Approve."""
        approve_review(
            scope=self.subject.scope,
            review_id=self.subject.id,
            note=answers["reason"],
            origin=origin,
            now=now,
        )
        return Outcome(message="Approved: the money is being taken.")


class DeclineDialog(_ReviewDialog):
    """Find the payment fraudulent."""

    name = "decline"
    label = "Decline as fraud…"
    submit = "Let go of the money"
    is_dangerous = True

    def explanation(self) -> str:
        """Say what follows."""
        return "The held money is released, or given back, and the payment is labelled as fraud."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Decline."""
        decline_review(
            scope=self.subject.scope,
            review_id=self.subject.id,
            note=answers["reason"],
            origin=origin,
            now=now,
        )
        return Outcome(message="Declined: the money goes back to the payer.")


class BlockCardDialog(_ReviewDialog):
    """Find the payment fraudulent, and lock its card out."""

    name = "block"
    label = "Decline and block card…"
    submit = "Block the card"
    is_dangerous = True

    def explanation(self) -> str:
        """Say what follows."""
        return "As declining; besides, the card pays nothing here until it is off the block list."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Decline and block."""
        block_card(
            scope=self.subject.scope,
            review_id=self.subject.id,
            note=answers["reason"],
            origin=origin,
            now=now,
        )
        return Outcome(message="Declined, and the card is blocked.")


class AssignDialog(AssignToMeDialog):
    """Take a review."""

    subject: Review
    permission = "fraud.change_review"

    def is_offered(self) -> bool:
        """Return whether it is open, and not this person's already."""
        case = _case_of(self.subject)
        is_mine = case is not None and case.assignee_id == self.user.pk
        return self.subject.status == ReviewStatus.OPEN and not is_mine

    def take(self) -> None:
        """Note who looks at it."""
        assign_reviews(review_ids=[self.subject.id], assignee=self.user)


class _SeveralReviews(BulkAssignForm):
    model = Review
    permission = "fraud.change_review"


class BulkAssignReviews(BulkAssignDialog):
    """Hand several reviews to one person."""

    permission = "fraud.change_review"
    form_class = _SeveralReviews

    def assign(self, ids: Collection[str], person: User | None) -> None:
        """Note who looks at these reviews."""
        assign_reviews(review_ids=ids, assignee=person)


@admin.register(Review)
class ReviewAdmin(FiguresAdmin):
    """Payments that wait for a person's eye; the open ones by what was promised to their payers."""

    search_help_text = "Review, payment or attempt"
    list_display = (
        "what", "at_stake", "score_shown", "why", "often", "promised", "state", "who"
    )  # fmt: skip
    list_filter = ("status", ScoreFilter, RuleFilter, AmountFilter, AssigneeFilter, "livemode")
    list_select_related = ("case__assignee",)
    tabs = (
        ("Open", "status__exact=open"),
        ("Mine", "assignee=me&status__exact=open"),
        ("All", ""),
    )
    dialogs = (ApproveDialog, DeclineDialog, BlockCardDialog, AssignDialog)
    list_dialogs = (BulkAssignReviews,)

    def figures(self) -> Sequence[Panel]:
        """Return how suspicious payments were lately."""
        return (Drawings([_draw_scores()]),)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the most urgent first where people work, the newest first elsewhere."""
        is_queue = request.GET.get("status__exact") == ReviewStatus.OPEN
        return ("due_at", "pk") if is_queue else ("-pk",)

    @admin.display(description="Review")
    def what(self, review: Review) -> SafeString:
        """Return the review's id and its payment's."""
        return stacked(review.id, review.intent_id)

    @admin.display(description="Amount")
    def at_stake(self, review: Review) -> str:
        """Return the amount that is held."""
        return money(review.amount, review.currency)

    def prepare(self, rows: list[Any]) -> None:
        """Load why each payment is here."""
        decisions = Decision.objects.in_bulk([row.decision_id for row in rows])
        for row in rows:
            row.shown_decision = decisions.get(row.decision_id)

    @admin.display(description="Score")
    def score_shown(self, review: Any) -> SafeString | str:
        """Return the score, with the colour of its level."""
        decision = review.shown_decision
        return score_chip(review.score, decision.level) if decision else NOTHING

    @admin.display(description="Why")
    def why(self, review: Any) -> SafeString | str:
        """Return the weightiest reasons."""
        decision = review.shown_decision
        reasons = sorted(decision.reasons, key=lambda each: -each[1]) if decision else []
        named = [reason for reason, _ in reasons[:REASONS_SHOWN]]
        return format_html_join(mark_safe("<br>"), "{}", ((each,) for each in named)) or NOTHING

    @admin.display(description="Within a day")
    def often(self, review: Any) -> SafeString | str:
        """Return what was seen more than once: card, payer, address, device."""
        facts = review.shown_decision.facts if review.shown_decision else {}
        seen = [(words(word), facts.get(fact, 0)) for fact, word in _VELOCITY.items()]
        said = [(word, times) for word, times in seen if times > 1]
        return format_html_join(mark_safe("<br>"), "{}: {}", said) or NOTHING

    @admin.display(description="Promised")
    def promised(self, review: Review) -> Text:
        """Return what is left of what the payer was promised, and how long it has taken so far."""
        waited = age(review.created_at, now=review.closed_at or timezone.now())
        return stacked(_promise(review), waited)

    @admin.display(description="Status")
    def state(self, review: Review) -> SafeString:
        """Return the status in words."""
        return chip(words(str(review.status)))

    @admin.display(description="Assigned to")
    def who(self, review: Review) -> str:
        """Return who looks at it."""
        return _assignee(review)

    def look_up(self, term: str) -> Q | None:
        """Search by the review's id, its payment's, or its attempt's."""
        return Q(pk=term) | Q(intent_id=term) | Q(attempt_id=term)

    def page(self, _request: HttpRequest, obj: Review) -> Page:
        """Show why the payment is here, and what else its payer did."""
        # A decision is deleted after thirteen months, its review is not.
        decision = Decision.objects.filter(pk=obj.decision_id).first()
        level = decision.level if decision else level_of(obj.score)
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(words(str(obj.status)), score_chip(obj.score, level)),
            subtitle=identifier(obj.id),
            main=(_reasons(decision), _linked(decision)),
            side=(
                Facts(
                    "Details",
                    [
                        ("Payment", identifier(obj.intent_id)),
                        ("Opened", moment(obj.created_at)),
                        ("Promised by", stacked(moment(obj.due_at), _promise(obj))),
                        ("Assigned to", _assignee(obj)),
                        ("Closed", moment(obj.closed_at)),
                        ("Closed by", obj.closed_by or NOTHING),
                        ("Note", obj.note or NOTHING),
                    ],
                ),
                _bank_said(obj.attempt_id),
                Raw(
                    "What was known",
                    [("Facts", decision.facts), ("Features", decision.features)]
                    if decision
                    else [],
                ),
            ),
        )


def _promise(review: Review) -> Text:
    ended = review.closed_at or timezone.now()
    if ended > review.due_at:
        over = age(review.due_at, now=ended)
        return chip(gettext("%(time)s late") % {"time": over}, Tone.BAD)
    if review.closed_at is not None:
        return chip(gettext("In time"), Tone.GOOD)
    left = age(ended, now=review.due_at)
    soon = review.due_at - ended < _SOON
    return chip(gettext("%(time)s left") % {"time": left}, Tone.WARNING if soon else Tone.NEUTRAL)


def _draw_scores() -> Chart:
    counts = count_scores()
    return Chart(
        title="Scores",
        hint=gettext(
            "The newest payments by their score: from %(elevated)s the payer is asked for 3DS, from"
            " %(highest)s the payment is blocked."
        )
        % {"elevated": ELEVATED_SCORE, "highest": HIGHEST_SCORE},
        columns=("Score", "Payments"),
        bars=[
            Bar(
                label=f"{score} to {score + SCORE_STEP - 1}",
                height=counts.get(score, 0),
                text=f"{counts.get(score, 0):,}",
                tone=LEVEL_TONES.get(level_of(score), Tone.NEUTRAL),
            )
            for score in range(0, _WORST_SCORE, SCORE_STEP)
        ]
        if counts
        else [],
    )


def _case_of(review: Review) -> ReviewCase | None:
    return getattr(review, "case", None)


def _assignee(review: Review) -> str:
    case = _case_of(review)
    return str(case.assignee) if case and case.assignee else NOTHING


def _bank_said(attempt_id: str) -> Facts:
    """Return the bank's own checks, where it told any."""
    check = Check.objects.filter(pk=attempt_id).first()
    if check is None:
        return Facts("The bank said", [("Checks", "Nothing that speaks for or against the payer")])
    return Facts(
        "The bank said",
        [
            ("Security code", words(check.cvc_check) or NOTHING),
            ("Street", words(check.avs_line1_check) or NOTHING),
            ("Postal code", words(check.avs_postal_code_check) or NOTHING),
            ("3DS", words(check.three_d_secure) or NOTHING),
            ("Bears a fraud", "The bank" if check.liability_shifted else "We"),
        ],
    )


def _reasons(decision: Decision | None) -> Table:
    rows: list[tuple[Text, Text]] = []
    if decision is not None:
        rows += [("Rule or list", rule) for rule in decision.matched_rules]
        rows += [("Score", f"{reason} (+{weight:.2f})") for reason, weight in decision.reasons]
        rows += [("Missing", words(part)) for part in decision.degraded]
    return Table("Why", ("From", "Reason"), rows, empty="No rule and no score spoke up.")


def _linked(decision: Decision | None) -> Table:
    return Table(
        "Linked payments",
        ("Payment", "Amount", "Said", "Score", "Shares"),
        [
            (
                identifier(other.intent_id),
                money(other.amount, other.currency),
                words(other.action),
                NOTHING if other.score is None else str(other.score),
                ", ".join(shared),
            )
            for other, shared in (linked_decisions(decision) if decision else [])
        ],
        empty="Nothing else by this card, customer, address or device.",
    )
