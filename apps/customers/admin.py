"""Customers in the back-office."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.api.selectors import merchant_ids
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    link,
    masked,
    mode_chip,
    moment,
    stacked,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.backoffice.kit.related import related_table
from apps.customers.models import Customer


@admin.register(Customer)
class CustomerAdmin(ObjectAdmin):
    """Payers known by name; who may not see people sees masked addresses."""

    search_help_text = "Id or e-mail"
    list_filter = ("livemode", created_filter("cus"))

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the columns for this reader."""
        return (_name_column(request), "mode", "at")

    @admin.display(description="Customer")
    def who(self, customer: Customer) -> SafeString:
        """Return e-mail and id."""
        return stacked(customer.email or customer.name or NOTHING, customer.id)

    @admin.display(description="Customer")
    def who_masked(self, customer: Customer) -> SafeString:
        """Return a masked e-mail and the id."""
        return stacked(masked(customer.email) or NOTHING, customer.id)

    @admin.display(description="Mode")
    def mode(self, customer: Customer) -> SafeString:
        """Return whether their money is real."""
        return mode_chip(livemode=customer.livemode)

    @admin.display(description="Created")
    def at(self, customer: Customer) -> Text:
        """Return since when we know them."""
        return moment(customer.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by id or e-mail; naming all merchants makes the e-mail's index usable."""
        if "@" not in term:
            return Q(pk=term)
        return Q(merchant_id__in=merchant_ids(), livemode__in=[True, False], email=term)

    def hit(self, request: HttpRequest, obj: Any) -> tuple[str, str]:
        """Return who it is, to those who may see people."""
        may_see = request.user.has_perm("backoffice.view_pii")
        email = obj.email if may_see else masked(obj.email)
        # What comes second is shown with a capital letter, which no address has.
        return " · ".join(filter(None, [obj.pk, email])), "customer"

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return one customer, and the way to their payments."""
        may_see = request.user.has_perm("backoffice.view_pii")
        payments = f"{reverse('admin:payments_paymentintent_changelist')}?q={obj.id}"
        about: list[tuple[str, Text]] = [
            ("E-mail", (obj.email if may_see else masked(obj.email)) or NOTHING),
        ]
        if may_see:
            about += [("Name", obj.name or NOTHING), ("Phone", obj.phone or NOTHING)]
        return Page(
            heading=about[0][1],
            chips=(self.mode(obj), *_ending(obj)),
            subtitle=identifier(obj.id),
            main=(
                Facts("Customer", [*about, ("Description", obj.description or NOTHING)]),
                related_table(obj),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Payments", link(payments, "Show all their payments")),
                        ("Default method", identifier(obj.default_payment_method_id)),
                        ("Created", moment(obj.created_at)),
                        *(
                            (f"Metadata: {name}", str(value))
                            for name, value in obj.metadata.items()
                        ),
                    ],
                ),
            ),
        )


def _ending(customer: Customer) -> list[SafeString]:
    if customer.erased_at:
        return [chip("Erased", Tone.BAD)]
    return [chip("Deleted", Tone.BAD)] if customer.deleted_at else []


def _name_column(request: HttpRequest) -> str:
    user: Any = request.user
    return "who" if user.has_perm("backoffice.view_pii") else "who_masked"
