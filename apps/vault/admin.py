"""Payment methods in the back-office: what a payer recognises, never a token."""

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
from apps.backoffice.kit.related import Related
from apps.vault.models import PaymentMethod

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
                        ("Funding", words(obj.funding or NOTHING)),
                        ("Country", obj.country or NOTHING),
                        ("Bank", obj.bank_name or NOTHING),
                        ("Can be charged at", gateways or NOTHING),
                    ],
                ),
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


def methods_of(customer: Any) -> Iterator[Related]:
    """Return what a customer may pay with."""
    for method in PaymentMethod.objects.filter(customer_id=customer.pk).order_by("-pk")[:LATEST]:
        yield Related(
            kind="payment_method",
            id=method.pk,
            status=_state_chip(method),
            about=method_label(method),
        )
