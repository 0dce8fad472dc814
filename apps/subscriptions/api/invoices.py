"""`/v1/invoices`, `/v1/invoiceitems`, `/v1/credit_notes` and customers' balances."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.errors import ParameterMissing
from apps.api.fields import (
    AmountField,
    BooleanField,
    CurrencyField,
    EnumField,
    IdField,
    IntegerField,
    ListField,
    MetadataField,
    TextField,
)
from apps.api.lists import ListSchema, list_envelope, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import Json
from apps.common.errors import InvalidParameter
from apps.common.metadata import merge_metadata
from apps.common.origin import Scope
from apps.common.rows import get_row as find_row
from apps.common.rows import get_rows
from apps.customers.selectors import get_customer
from apps.subscriptions.api.catalog import BillingView
from apps.subscriptions.api.fields import DecimalTextField, MomentField
from apps.subscriptions.api.shapes import (
    CREDIT_NOTE,
    CUSTOMER_BALANCE_TRANSACTION,
    DELETED_INVOICE,
    DELETED_INVOICE_ITEM,
    INVOICE,
    INVOICE_ITEM,
    INVOICE_LINE,
    INVOICE_PAYMENT,
)
from apps.subscriptions.api.subscriptions import ChangedItem, as_changes, as_contract_change
from apps.subscriptions.models import (
    BalanceTransaction,
    CreditNote,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    Subscription,
)
from apps.subscriptions.objects import (
    render_balance_transaction,
    render_credit_note,
    render_invoice,
    render_invoice_item,
    render_invoice_payment,
    render_line,
)
from apps.subscriptions.selectors import (
    find_open_intent,
    get_prices,
    get_row,
    list_lines,
    list_lines_of,
)
from apps.subscriptions.services.balances import adjust_balance
from apps.subscriptions.services.bills import Bill
from apps.subscriptions.services.changes import ProrationBehavior
from apps.subscriptions.services.invoices import (
    create_credit_note,
    create_invoice,
    create_item,
    delete_draft,
    delete_item,
    finalize_invoice,
    mark_uncollectible,
    pay_invoice,
    update_draft,
    update_item,
    void_credit_note,
    void_invoice,
)
from apps.subscriptions.services.subscriptions import (
    NewSubscription,
    preview_subscription,
    preview_update,
)
from apps.subscriptions.states import CollectionMethod, InvoiceStatus

MIN_SIGNED = -(10**11)


def show(invoice: Invoice) -> Json:
    """Return the invoice as the API shows it."""
    return render_invoice(invoice, list_lines(invoice), client_secret=_secret(invoice))


def _secret(invoice: Invoice) -> str:
    """Return the secret with which the payer can pay the invoice, if it waits for them."""
    intent = find_open_intent(invoice)
    return intent.client_secret if intent else ""


# --- Invoices -------------------------------------------------------------------------------------


class CreateInvoice(RequestSchema):
    customer = IdField("cus")
    subscription = IdField("sub", required=False)
    currency = CurrencyField(required=False)
    auto_advance = BooleanField(required=False, default=False)
    collection_method = EnumField(
        CollectionMethod.values, required=False, default="charge_automatically"
    )
    days_until_due = IntegerField(required=False, max_value=365)
    due_date = MomentField(required=False)
    default_payment_method = IdField("pm", required=False)
    description = TextField(required=False, max_length=1500)
    pending_invoice_items_behavior = EnumField(["include", "exclude"], required=False)
    metadata = MetadataField()


class UpdateInvoice(RequestSchema):
    auto_advance = BooleanField(required=False)
    description = TextField(required=False, allow_null=True, max_length=1500)
    default_payment_method = IdField("pm", required=False, allow_null=True)
    metadata = MetadataField()


class ListInvoices(ListSchema):
    customer = IdField("cus", required=False)
    subscription = IdField("sub", required=False)
    status = EnumField(InvoiceStatus.values, required=False)
    collection_method = EnumField(CollectionMethod.values, required=False)


class FinalizeInvoice(RequestSchema):
    auto_advance = BooleanField(required=False)


class PayInvoice(RequestSchema):
    payment_method = IdField("pm", required=False)
    paid_out_of_band = BooleanField(required=False, default=False)
    off_session = BooleanField(required=False, default=True)


class SubscriptionDetails(RequestSchema):
    items = ListField(ChangedItem(), required=False, max_length=20)
    proration_behavior = EnumField([b.value for b in ProrationBehavior], required=False)
    proration_date = MomentField(required=False)
    billing_cycle_anchor = EnumField(["now", "unchanged"], required=False)


class PreviewInvoice(RequestSchema):
    """Of a change of a subscription or, without one, of a new one of the customer."""

    customer = IdField("cus", required=False)
    subscription = IdField("sub", required=False)
    subscription_details = SubscriptionDetails(required=False)


class InvoiceList(BillingView):
    resource = "invoices"
    schemas = {"GET": ListInvoices, "POST": CreateInvoice}
    answers = {"GET": ListOf(INVOICE), "POST": INVOICE}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = self.rows(Invoice).select_related("customer")
        for name in ("customer", "subscription", "status", "collection_method"):
            if name in params:
                column = f"{name}_id" if name in {"customer", "subscription"} else name
                rows = rows.filter(**{column: params[name]})
        page = list_page(rows, params, url="/v1/invoices", show=lambda row: {"row": row})
        found = [entry["row"] for entry in page["data"]]
        lines = list_lines_of(found)
        page["data"] = [render_invoice(row, lines[row.id]) for row in found]
        return page

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        fields: dict[str, Any] = {
            "collection_method": params["collection_method"],
            "auto_advance": params["auto_advance"],
            "default_payment_method_id": params.get("default_payment_method", ""),
            "description": params.get("description", ""),
            "metadata": merge_metadata({}, params.get("metadata", {})),
            "due_date": params.get("due_date"),
            "currency": params.get("currency", "").upper(),
        }
        invoice = create_invoice(
            scope=self.scope,
            customer_id=params["customer"],
            subscription_id=params.get("subscription", ""),
            with_pending=params.get("pending_invoice_items_behavior", "exclude") == "include",
            fields=fields,
            origin=self.origin,
            now=timezone.now(),
        )
        return show(invoice)


class InvoiceDetail(BillingView):
    resource = "invoices"
    schemas = {"POST": UpdateInvoice}
    answers = {"GET": INVOICE, "POST": INVOICE, "DELETE": DELETED_INVOICE}

    def get(self, _request: HttpRequest, invoice_id: str) -> Json:
        self.load()
        return show(get_row(Invoice, self.scope, invoice_id))

    def post(self, _request: HttpRequest, invoice_id: str) -> Json:
        params = self.load()
        changes: dict[str, Any] = {}
        if "auto_advance" in params:
            changes["auto_advance"] = params["auto_advance"]
        if "description" in params:
            changes["description"] = params["description"] or ""
        if "default_payment_method" in params:
            changes["default_payment_method_id"] = params["default_payment_method"] or ""
        if "metadata" in params:
            changes["metadata"] = params["metadata"]
        invoice = update_draft(
            scope=self.scope,
            invoice_id=invoice_id,
            changes=changes,
            origin=self.origin,
            now=timezone.now(),
        )
        return show(invoice)

    def delete(self, _request: HttpRequest, invoice_id: str) -> Json:
        self.load()
        delete_draft(scope=self.scope, invoice_id=invoice_id)
        return {"id": invoice_id, "object": "invoice", "deleted": True}


class InvoiceLines(BillingView):
    resource = "invoices"
    schemas = {"GET": ListSchema}
    answers = {"GET": ListOf(INVOICE_LINE)}

    def get(self, _request: HttpRequest, invoice_id: str) -> Json:
        params = self.load()
        invoice = get_row(Invoice, self.scope, invoice_id)
        return list_page(
            InvoiceLine.objects.filter(invoice=invoice),
            {name: value for name, value in params.items() if name != "created"},
            url=f"/v1/invoices/{invoice_id}/lines",
            show=lambda line: render_line(line, invoice),
        )


class InvoiceFinalize(BillingView):
    resource = "invoices"
    schemas = {"POST": FinalizeInvoice}
    answers = {"POST": INVOICE}

    def post(self, _request: HttpRequest, invoice_id: str) -> Json:
        params = self.load()
        invoice = finalize_invoice(
            scope=self.scope,
            invoice_id=invoice_id,
            auto_advance=params.get("auto_advance"),
            origin=self.origin,
            now=timezone.now(),
        )
        return show(invoice)


class InvoicePay(BillingView):
    resource = "invoices"
    schemas = {"POST": PayInvoice}
    answers = {"POST": INVOICE}
    transactional_answer = False

    def post(self, _request: HttpRequest, invoice_id: str) -> Json:
        params = self.load()
        invoice = pay_invoice(
            scope=self.scope,
            invoice_id=invoice_id,
            method_id=params.get("payment_method", ""),
            is_out_of_band=params["paid_out_of_band"],
            off_session=params["off_session"],
            origin=self.origin,
            now=timezone.now(),
        )
        return show(invoice)


class InvoiceVoid(BillingView):
    resource = "invoices"
    answers = {"POST": INVOICE}
    transactional_answer = False

    def post(self, _request: HttpRequest, invoice_id: str) -> Json:
        self.load()
        invoice = void_invoice(
            scope=self.scope, invoice_id=invoice_id, origin=self.origin, now=timezone.now()
        )
        return show(invoice)


class InvoiceUncollectible(BillingView):
    resource = "invoices"
    answers = {"POST": INVOICE}
    transactional_answer = False

    def post(self, _request: HttpRequest, invoice_id: str) -> Json:
        self.load()
        invoice = mark_uncollectible(
            scope=self.scope, invoice_id=invoice_id, origin=self.origin, now=timezone.now()
        )
        return show(invoice)


class InvoicePreview(BillingView):
    resource = "invoices"
    schemas = {"POST": PreviewInvoice}
    answers = {"POST": INVOICE}

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        preview = self._of_change if "subscription" in params else self._of_new
        bill = preview(params, params.get("subscription_details", {}))
        return {**bill.show(), "id": f"upcoming_{bill.invoice.id}"}

    def _of_change(self, params: Json, details: Json) -> Bill:
        if "customer" in params:
            self._check_customer(params["subscription"], params["customer"])
        return preview_update(
            scope=self.scope,
            subscription_id=params["subscription"],
            change=as_contract_change(details),
            now=timezone.now(),
        )

    def _of_new(self, params: Json, details: Json) -> Bill:
        if "customer" not in params:
            raise ParameterMissing(param="customer", param_name="customer")
        new = NewSubscription(
            customer_id=params["customer"], items=as_changes(details.get("items", []))
        )
        return preview_subscription(scope=self.scope, new=new, now=timezone.now())

    def _check_customer(self, subscription_id: str, customer_id: str) -> None:
        subscription = get_row(Subscription, self.scope, subscription_id, param="subscription")
        if subscription.customer_id != customer_id:
            raise InvalidParameter(
                f"{subscription_id} is a subscription of another customer.", param="customer"
            )


class PaymentsOfInvoice(ListSchema):
    invoice = IdField("in")


class InvoicePaymentList(BillingView):
    resource = "invoices"
    schemas = {"GET": PaymentsOfInvoice}
    answers = {"GET": ListOf(INVOICE_PAYMENT)}

    def get(self, _request: HttpRequest) -> Json:
        invoice = get_row(Invoice, self.scope, self.load()["invoice"], param="invoice")
        payments = InvoicePayment.objects.filter(invoice=invoice).order_by("-pk")
        return list_envelope(
            [render_invoice_payment(payment, invoice) for payment in payments],
            url="/v1/invoice_payments",
        )


# --- Pending items --------------------------------------------------------------------------------


class ItemPricing(RequestSchema):
    price = IdField("price")


class CreateItem(RequestSchema):
    customer = IdField("cus")
    subscription = IdField("sub", required=False)
    invoice = IdField("in", required=False)
    amount = AmountField(required=False, min_value=MIN_SIGNED)
    currency = CurrencyField(required=False)
    pricing = ItemPricing(required=False)
    quantity = IntegerField(required=False, default=1, max_value=999_999)
    description = TextField(required=False, max_length=500)
    tax_percent = DecimalTextField(required=False)
    metadata = MetadataField()


class UpdateItem(RequestSchema):
    amount = AmountField(required=False, min_value=MIN_SIGNED)
    description = TextField(required=False, max_length=500)
    tax_percent = DecimalTextField(required=False)
    metadata = MetadataField()


class ListPendingItems(ListSchema):
    customer = IdField("cus", required=False)
    invoice = IdField("in", required=False)
    pending = BooleanField(required=False)


class PendingItemList(BillingView):
    resource = "invoiceitems"
    schemas = {"GET": ListPendingItems, "POST": CreateItem}
    answers = {"GET": ListOf(INVOICE_ITEM), "POST": INVOICE_ITEM}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = self.rows(InvoiceItem)
        if "customer" in params:
            rows = rows.filter(customer_id=params["customer"])
        if "invoice" in params:
            rows = rows.filter(invoice_id=params["invoice"])
        if "pending" in params:
            rows = rows.filter(invoice__isnull=params["pending"])
        return list_page(rows, params, url="/v1/invoiceitems", show=render_invoice_item)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        item = create_item(
            scope=self.scope,
            customer_id=params["customer"],
            invoice_id=params.get("invoice", ""),
            fields=self._columns(params),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_invoice_item(item)

    def _columns(self, params: dict[str, Any]) -> dict[str, Any]:
        columns = {
            "description": params.get("description", ""),
            "quantity": params["quantity"],
            "subscription_id": params.get("subscription"),
            "metadata": merge_metadata({}, params.get("metadata", {})),
            "tax_percent": params.get("tax_percent", 0),
        }
        if "pricing" in params:
            price_id = params["pricing"]["price"]
            price = get_prices(self.scope, [price_id])[price_id]
            return {
                **columns,
                "amount": price.terms.amount(params["quantity"]),
                "currency": price.currency,
                "price_id": price.id,
                "product_id": price.product_id,
                "description": columns["description"] or price.product.name,
            }
        if not params.get("amount") or "currency" not in params:
            raise InvalidParameter("An item needs an amount and a currency.", param="amount")
        return {**columns, "amount": params["amount"], "currency": params["currency"].upper()}


class PendingItemDetail(BillingView):
    resource = "invoiceitems"
    schemas = {"POST": UpdateItem}
    answers = {"GET": INVOICE_ITEM, "POST": INVOICE_ITEM, "DELETE": DELETED_INVOICE_ITEM}

    def get(self, _request: HttpRequest, item_id: str) -> Json:
        self.load()
        return render_invoice_item(get_row(InvoiceItem, self.scope, item_id))

    def post(self, _request: HttpRequest, item_id: str) -> Json:
        item = update_item(
            scope=self.scope,
            item_id=item_id,
            changes=self.load(),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_invoice_item(item)

    def delete(self, _request: HttpRequest, item_id: str) -> Json:
        self.load()
        delete_item(scope=self.scope, item_id=item_id, origin=self.origin, now=timezone.now())
        return {"id": item_id, "object": "invoiceitem", "deleted": True}


# --- Credit notes ---------------------------------------------------------------------------------


class CreateCreditNote(RequestSchema):
    invoice = IdField("in")
    amount = AmountField()
    reason = EnumField(
        ["duplicate", "fraudulent", "order_change", "product_unsatisfactory"], required=False
    )
    memo = TextField(required=False, max_length=500)
    metadata = MetadataField()


class ListCreditNotes(ListSchema):
    invoice = IdField("in", required=False)
    customer = IdField("cus", required=False)


class CreditNoteList(BillingView):
    resource = "credit_notes"
    schemas = {"GET": ListCreditNotes, "POST": CreateCreditNote}
    answers = {"GET": ListOf(CREDIT_NOTE), "POST": CREDIT_NOTE}
    transactional_answer = False

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = self.rows(CreditNote).select_related("invoice")
        if "invoice" in params:
            rows = rows.filter(invoice_id=params["invoice"])
        if "customer" in params:
            rows = rows.filter(invoice__customer_id=params["customer"])
        return list_page(rows, params, url="/v1/credit_notes", show=render_credit_note)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        note = create_credit_note(
            scope=self.scope,
            invoice_id=params["invoice"],
            amount=params["amount"],
            fields={
                "reason": params.get("reason", ""),
                "memo": params.get("memo", ""),
                "metadata": merge_metadata({}, params.get("metadata", {})),
            },
            origin=self.origin,
            now=timezone.now(),
        )
        return render_credit_note(note)


class UpdateCreditNote(RequestSchema):
    memo = TextField(required=False, max_length=500)
    metadata = MetadataField()


class CreditNoteDetail(BillingView):
    resource = "credit_notes"
    schemas = {"POST": UpdateCreditNote}
    answers = {"GET": CREDIT_NOTE, "POST": CREDIT_NOTE}

    def get(self, _request: HttpRequest, note_id: str) -> Json:
        self.load()
        return render_credit_note(get_row(CreditNote, self.scope, note_id))

    def post(self, _request: HttpRequest, note_id: str) -> Json:
        note = get_row(CreditNote, self.scope, note_id)
        return self.change(note, self.load(), render_credit_note)


class CreditNoteVoid(BillingView):
    resource = "credit_notes"
    answers = {"POST": CREDIT_NOTE}

    def post(self, _request: HttpRequest, note_id: str) -> Json:
        self.load()
        note = void_credit_note(
            scope=self.scope, note_id=note_id, origin=self.origin, now=timezone.now()
        )
        return render_credit_note(note)


# --- Balances -------------------------------------------------------------------------------------


class CreateBalanceTransaction(RequestSchema):
    amount = AmountField(min_value=MIN_SIGNED)
    currency = CurrencyField()
    description = TextField(required=False, max_length=350)
    metadata = MetadataField()


class BalanceTransactionList(BillingView):
    resource = "customers"
    schemas = {"GET": ListSchema, "POST": CreateBalanceTransaction}
    answers = {"GET": ListOf(CUSTOMER_BALANCE_TRANSACTION), "POST": CUSTOMER_BALANCE_TRANSACTION}

    def get(self, _request: HttpRequest, customer_id: str) -> Json:
        get_customer(self.scope, customer_id)
        return list_page(
            self.rows_of(customer_id),
            self.load(),
            url=f"/v1/customers/{customer_id}/balance_transactions",
            show=render_balance_transaction,
        )

    def rows_of(self, customer_id: str) -> Any:
        """Return the changes of one customer's balance."""
        return BalanceTransaction.objects.filter(
            customer_id=customer_id,
            merchant_id=self.scope.merchant_id,
            livemode=self.scope.livemode,
        )

    def post(self, _request: HttpRequest, customer_id: str) -> Json:
        params = self.load()
        row = adjust_balance(
            scope=self.scope,
            customer_id=customer_id,
            amount=params["amount"],
            currency=params["currency"].upper(),
            description=params.get("description", ""),
            metadata=merge_metadata({}, params.get("metadata")),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_balance_transaction(row)


class BalanceTransactionDetail(BillingView):
    resource = "customers"
    answers = {"GET": CUSTOMER_BALANCE_TRANSACTION}

    def get(self, _request: HttpRequest, customer_id: str, transaction_id: str) -> Json:
        self.load()
        get_customer(self.scope, customer_id)
        rows = BalanceTransaction.objects.filter(customer_id=customer_id)
        resource = "customer_balance_transaction"
        return render_balance_transaction(
            find_row(rows, self.scope, transaction_id, resource=resource, param="id")
        )


def load_invoices(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the invoices with these ids, for `expand[]`."""
    rows = list(get_rows(Invoice.objects, scope, ids).select_related("customer"))
    lines = list_lines_of(rows)
    return {row.id: render_invoice(row, lines[row.id], client_secret=_secret(row)) for row in rows}


def load_payments(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return what paid, or is to pay, each of these invoices as a list, for `expand[]`."""
    rows = InvoicePayment.objects.filter(
        invoice_id__in=ids, invoice__merchant_id=scope.merchant_id, invoice__livemode=scope.livemode
    ).select_related("invoice")
    found: dict[str, list[Json]] = {id_: [] for id_ in ids}
    for row in rows.order_by("-pk"):
        found[row.invoice_id].append(render_invoice_payment(row, row.invoice))
    return {
        id_: list_envelope(payments, url=f"/v1/invoice_payments?invoice={id_}")
        for id_, payments in found.items()
    }
