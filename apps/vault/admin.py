"""Payment methods and mandates in the back-office: what a payer recognises, never a token."""

from collections.abc import Iterator
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    link,
    moment,
    stacked,
    words,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.backoffice.kit.related import Related, related_table
from apps.outbox.timeline import timeline_of
from apps.vault.display import funding_in_words
from apps.vault.models import Mandate, PaymentMethod

# What a page shows of a customer's methods; the list shows the rest.
LATEST: Final = 10


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ObjectAdmin):
    """Cards and bank accounts by brand and last four digits."""

    search_help_text = "Id of the method or of the customer"
    list_display = ("what", "owner", "state", "at")
    list_filter = ("livemode", created_filter("pm"))

    @admin.display(description="Payment method")
    def what(self, method: PaymentMethod) -> SafeString:
        """Return brand, last four digits and id."""
        return stacked(method_label(method), method.id)

    @admin.display(description="Customer")
    def owner(self, method: PaymentMethod) -> str:
        """Return whose it is."""
        return method.customer_id or NOTHING

    @admin.display(description="State")
    def state(self, method: PaymentMethod) -> SafeString:
        """Return whether it can still be charged."""
        return _state_chip(method)

    @admin.display(description="Created")
    def at(self, method: PaymentMethod) -> Text:
        """Return since when we have it."""
        return moment(method.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by id, or by customer."""
        return Q(customer_id=term) if term.startswith("cus_") else Q(pk=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one method, and at which gateways it can be charged."""
        gateways = ", ".join(obj.tokens.order_by("gateway").values_list("gateway", flat=True))
        owner: Text = NOTHING
        if obj.customer_id:
            url = reverse("admin:customers_customer_change", args=[obj.customer_id])
            owner = link(url, obj.customer_id)
        return Page(
            heading=method_label(obj),
            chips=(_state_chip(obj),),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "Payment method",
                    [
                        ("Type", words(obj.type)),
                        (
                            "Expires",
                            f"{obj.exp_month:02d}/{obj.exp_year}" if obj.exp_year else NOTHING,
                        ),
                        ("Funding", funding_in_words(obj.funding)),
                        ("Country", obj.country or NOTHING),
                        ("Bank", obj.bank_name or NOTHING),
                        ("Can be charged at", gateways or NOTHING),
                    ],
                ),
                related_table(obj),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Customer", owner),
                        ("Created", moment(obj.created_at)),
                        ("Detached", moment(obj.detached_at)),
                    ],
                ),
            ),
        )


def method_label(method: PaymentMethod) -> str:
    """Return e.g. `Visa •••• 4242`."""
    return f"{words(method.brand or method.type)} •••• {method.last4 or '????'}"


def _state_chip(method: PaymentMethod) -> SafeString:
    return chip("Detached") if method.detached_at else chip("Usable", Tone.GOOD)


@admin.register(Mandate)
class MandateAdmin(ObjectAdmin):
    """Leave that payers gave to debit their accounts."""

    search_help_text = "Mandate, payment method or the bank's reference"
    list_display = ("what", "account", "state", "given", "at")
    # There are few beside payments, and no index by mode: newest first, found by what names them.
    list_filter = (created_filter("mandate"),)
    list_select_related = ("payment_method",)

    @admin.display(description="Mandate")
    def what(self, mandate: Mandate) -> SafeString:
        """Return what the payer's bank shows, and our id."""
        return stacked(mandate.reference, mandate.pk)

    @admin.display(description="Payment method")
    def account(self, mandate: Mandate) -> str:
        """Return which account may be debited."""
        return method_label(mandate.payment_method)

    @admin.display(description="State")
    def state(self, mandate: Mandate) -> SafeString:
        """Return whether it holds."""
        return mandate_chip(mandate)

    @admin.display(description="Given")
    def given(self, mandate: Mandate) -> str:
        """Return whether online or on paper."""
        return words(mandate.acceptance)

    @admin.display(description="Created")
    def at(self, mandate: Mandate) -> SafeString:
        """Return since when, and whether it is about a real account."""
        return stacked(moment(mandate.created_at), words("live" if mandate.livemode else "test"))

    def look_up(self, term: str) -> Q | None:
        """Search by id, by the bank's reference, or by the method."""
        return Q(payment_method_id=term) | Q(pk=term) | Q(reference=term)

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return what was agreed, and what proves it."""
        may_see = request.user.has_perm("backoffice.view_pii")
        proof = (obj.ip, obj.user_agent) if may_see else ("", "")
        return Page(
            heading=obj.reference,
            chips=(mandate_chip(obj),),
            subtitle=identifier(obj.pk),
            main=(
                Facts(
                    "Mandate",
                    [
                        ("Reference at the bank", identifier(obj.reference)),
                        ("Payment method", identifier(obj.payment_method_id)),
                        ("Given", words(obj.acceptance)),
                        ("Accepted", moment(obj.accepted_at)),
                        ("Address", proof[0] or NOTHING),
                        ("Program", proof[1] or NOTHING),
                    ],
                ),
                timeline_of(obj.pk),
            ),
        )


def mandate_chip(mandate: Mandate) -> SafeString:
    """Return whether an account may be debited by it."""
    return chip(words("active"), Tone.GOOD) if mandate.is_active else chip(words("ended"))


def mandates_of(method: PaymentMethod) -> Iterator[Related]:
    """Return the payer's leave to debit an account, the one that holds and earlier ones."""
    for mandate in Mandate.objects.filter(payment_method=method).order_by("-pk")[:LATEST]:
        yield Related(
            kind="mandate", id=mandate.pk, status=mandate_chip(mandate), about=mandate.reference
        )


def methods_of(customer: Any) -> Iterator[Related]:
    """Return what a customer may pay with."""
    for method in PaymentMethod.objects.filter(customer_id=customer.pk).order_by("-pk")[:LATEST]:
        yield Related(
            kind="payment_method",
            id=method.pk,
            status=_state_chip(method),
            about=method_label(method),
        )
