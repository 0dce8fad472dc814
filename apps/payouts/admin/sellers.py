"""Whom we pay out: wallets, terms, and paying out by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.columns import Column, major
from apps.backoffice.kit.dialogs import AmountField, Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import NOTHING, identifier, moment, money, stacked, words
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.common.origin import Origin
from apps.ledger.selectors import Wallet
from apps.payouts.admin.display import payout_link, status_chip, transfer_link
from apps.payouts.models import Payout, Seller, Transfer
from apps.payouts.selectors import list_wallets, read_wallets
from apps.payouts.services.payouts import PayoutWish, create_payout
from apps.payouts.services.sellers import resume_seller, suspend_seller
from apps.payouts.states import SellerStatus

EMPTY_WALLET = Wallet(pending=0, available=0, reserved=0)
# What a page shows of a seller's transfers and payouts; the lists show the rest.
LATEST = 20


class PayOutForm(DialogForm):
    """How much of the wallet in the seller's own currency."""

    amount = AmountField()
    reason = ReasonForm.base_fields["reason"]

    def __init__(self, data: Any = None, *, subject: Seller) -> None:
        super().__init__(data, subject=subject)
        amount: Any = self.fields["amount"]
        amount.fit(currency=subject.default_currency, amount=_payable(subject))


def _payable(seller: Seller) -> int:
    wallet = list_wallets(seller).get(seller.default_currency)
    return max(wallet.available, 0) if wallet else 0


class PayOutDialog(Dialog):
    """Pay a seller out apart from the schedule."""

    name = "pay-out"
    label = "Pay out…"
    permission = "payouts.send_payout"
    form_class = PayOutForm
    submit = "Pay out"
    needs_fresh_factor = True
    subject: Seller

    def is_offered(self) -> bool:
        """Only with money, a bank account, and no suspension."""
        is_active = self.subject.status == SellerStatus.ACTIVE
        has_bank = bool(self.subject.payout_destination)
        return bool(is_active and has_bank and _payable(self.subject) > 0)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what can be paid out."""
        currency = self.subject.default_currency
        return [("Payable now", money(_payable(self.subject), currency))]

    def look(self) -> Mapping[str, Any]:
        """Return what the wallet has."""
        return {"payable": _payable(self.subject), "currency": self.subject.default_currency}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Hold the money; a sweep sends it, or a second person has to agree first."""
        payout = create_payout(
            scope=self.subject.scope,
            seller_id=self.subject.id,
            wish=PayoutWish(
                amount=answers["amount"],
                currency=self.subject.default_currency,
                description=answers["reason"],
            ),
            origin=origin,
            now=now,
        )
        facts = {"payout": payout.id, "amount": money(payout.amount, payout.currency)}
        if payout.needs_approval:
            return Outcome(message="{payout} over {amount} waits for a second person.", facts=facts)
        return Outcome(message="{payout} over {amount} leaves in a moment.", facts=facts)


class SuspendDialog(Dialog):
    """Stop paying out to a seller."""

    name = "suspend"
    label = "Suspend…"
    permission = "payouts.suspend_seller"
    form_class = ReasonForm
    submit = "Suspend"
    is_dangerous = True
    subject: Seller

    def is_offered(self) -> bool:
        """Only while paid out."""
        return bool(self.subject.status == SellerStatus.ACTIVE)

    def explanation(self) -> str:
        """Say what goes on."""
        return "Shares of payments still reach the wallet; nothing is paid out."

    def look(self) -> Mapping[str, Any]:
        """Return the status."""
        return Seller.objects.values("status").get(pk=self.subject.pk)

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Suspend."""
        suspend_seller(scope=self.subject.scope, seller_id=self.subject.id, origin=origin, now=now)
        return Outcome(message="Nothing is paid out to this seller any more.")


class ResumeDialog(SuspendDialog):
    """Pay out to a suspended seller again."""

    name = "resume"
    label = "Resume…"
    submit = "Resume"
    is_dangerous = False

    def is_offered(self) -> bool:
        """Only while suspended."""
        return bool(self.subject.status == SellerStatus.SUSPENDED)

    def explanation(self) -> str:
        """Say what comes next."""
        return "The next scheduled payout takes all that has gathered."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Resume."""
        resume_seller(scope=self.subject.scope, seller_id=self.subject.id, origin=origin, now=now)
        return Outcome(message="This seller is paid out again.")


@admin.register(Seller)
class SellerAdmin(ObjectAdmin):
    """Whom we pay out, and what they have."""

    search_help_text = "Seller"
    list_display = ("who", "state", "available", "pending", "held", "next_payout", "at")
    list_filter = ("status", "livemode")
    list_select_related = ("schedule",)
    dialogs = (PayOutDialog, SuspendDialog, ResumeDialog)
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Name", lambda row: str(row.name)),
        Column("Status", lambda row: str(row.status)),
        Column("Payable now", lambda row: _cell(row, row.shown_wallet.available)),
        Column("Pending", lambda row: _cell(row, row.shown_wallet.pending)),
        Column("Held back", lambda row: _cell(row, row.shown_wallet.reserved)),
        Column("Currency", lambda row: str(row.default_currency)),
        Column("Next payout (UTC)", lambda row: row.schedule.next_run_at),
    )

    @admin.display(description="Seller")
    def who(self, seller: Seller) -> SafeString:
        """Return the name and the id."""
        return stacked(seller.name or NOTHING, format_html("<code>{}</code>", seller.id))

    @admin.display(description="Status")
    def state(self, seller: Seller) -> SafeString:
        """Return the status."""
        return status_chip(seller.status)

    def prepare(self, rows: list[Any]) -> None:
        """Load the wallets in each seller's own currency; their pages show the others."""
        wallets = read_wallets(rows) if rows else {}
        for row in rows:
            row.shown_wallet = wallets[row.pk].get(row.default_currency, EMPTY_WALLET)

    @admin.display(description="Payable now")
    def available(self, seller: Any) -> str:
        """Return what can be paid out."""
        return money(seller.shown_wallet.available, seller.default_currency)

    @admin.display(description="Pending")
    def pending(self, seller: Any) -> str:
        """Return what becomes payable with time."""
        return money(seller.shown_wallet.pending, seller.default_currency)

    @admin.display(description="Held back")
    def held(self, seller: Any) -> str:
        """Return what is kept against losses."""
        return money(seller.shown_wallet.reserved, seller.default_currency)

    @admin.display(description="Next payout")
    def next_payout(self, seller: Seller) -> Text:
        """Return when the schedule pays out."""
        return moment(seller.schedule.next_run_at)

    @admin.display(description="Created")
    def at(self, seller: Seller) -> Text:
        """Return since when."""
        return moment(seller.created_at)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the wallets, the latest transfers and payouts, and the terms."""
        transfers = Transfer.objects.filter(seller=obj).order_by("-pk")[:LATEST]
        payouts = Payout.objects.filter(seller=obj).order_by("-pk")[:LATEST]
        return Page(
            heading=obj.name or obj.id,
            chips=(status_chip(obj.status),),
            subtitle=identifier(obj.id),
            main=(
                _wallet_table(obj),
                Table(
                    "Latest payouts",
                    ("Payout", "Amount", "Status", "Created"),
                    [
                        (
                            payout_link(row.id),
                            money(row.amount, row.currency),
                            status_chip(row.status),
                            moment(row.created_at),
                        )
                        for row in payouts
                    ],
                    empty="Nothing was paid out yet.",
                    numbers=(1,),
                ),
                Table(
                    "Latest transfers",
                    ("Transfer", "Amount", "Taken back", "Status", "Created"),
                    [
                        (
                            transfer_link(row.id),
                            money(row.amount, row.currency),
                            money(row.amount_reversed, row.currency),
                            status_chip(row.status),
                            moment(row.created_at),
                        )
                        for row in transfers
                    ],
                    empty="No money was transferred yet.",
                    numbers=(1, 2),
                ),
            ),
            side=(_terms(obj),),
        )


def _cell(seller: Seller, amount: int) -> Decimal | None:
    return major(amount, seller.default_currency)


def _wallet_table(seller: Seller) -> Table:
    return Table(
        "Wallets",
        ("Currency", "Payable now", "Pending", "Held back"),
        [
            (
                currency,
                money(wallet.available, currency),
                money(wallet.pending, currency),
                money(wallet.reserved, currency),
            )
            for currency, wallet in list_wallets(seller).items()
        ],
        empty="No money yet.",
        numbers=(1, 2, 3),
    )


def _terms(seller: Seller) -> Facts:
    schedule = seller.schedule
    return Facts(
        "Terms",
        [
            ("Paid out", words(schedule.interval)),
            ("Next time", moment(schedule.next_run_at)),
            ("From", money(schedule.minimum_amount, seller.default_currency)),
            ("Delay", f"{seller.delay_days} days"),
            ("Reserve", f"{seller.reserve_basis_points / 100:g} % for {seller.reserve_days} days"),
            ("Our fee of orders", f"{seller.fee_basis_points / 100:g} %"),
            ("May go below zero", "yes" if seller.may_go_negative else "no"),
            ("Bank account", identifier(seller.payout_destination)),
        ],
    )
