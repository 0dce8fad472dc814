"""A customer whose name, e-mail, phone and address are in every field that takes them."""

from typing import Any

from django.utils import timezone

from apps.disputes.models import Dispute
from apps.disputes.services.evidence import save_evidence, submit_evidence
from apps.disputes.services.record import record_dispute
from apps.webhooks.models import InboundEvent
from apps.webhooks.states import InboundStatus
from tests.conftest import ApiClient
from tests.factories.payments import TESTER
from tests.fake_gateway import FakeGateway

NAME = "Zerlina Canary"
EMAIL = "zerlina@canary.example"
PHONE = "+49305557771"
STREET = "Canarygasse 77"
CANARIES = ("Zerlina", "canary.example", "305557771", "Canarygasse")

ADDRESS = {"line1": STREET, "city": "Canarygasse", "postal_code": "10115", "country": "DE"}
METADATA = {"who": NAME, "mail": EMAIL, "phone": PHONE, "street": STREET}
TEXT = f"For {NAME}, {STREET}"
URL = f"https://shop.example/thanks?mail={EMAIL}"
DETAILS = {"name": NAME, "email": EMAIL, "phone": PHONE, "address": ADDRESS}
CARD = {"type": "card", "card": {"token": "tok_visa"}}


class Shop:
    """Posts all of it; every POST has to succeed, or the canary sat in no field."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def post(self, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._api.post(f"/v1/{path}", params or {})
        assert answer.status_code == 200, (path, answer.content)
        body: dict[str, Any] = answer.json()
        return body

    def customer(self) -> str:
        """Return a customer made and changed with all fields."""
        fields = {
            **DETAILS,
            "description": TEXT,
            "metadata": METADATA,
            "shipping": {"name": NAME, "phone": PHONE, "address": ADDRESS},
        }
        customer = self.post("customers", fields)["id"]
        self.post(f"customers/{customer}", {**fields, "description": f"{TEXT} again"})
        return str(customer)

    def method(self, customer: str, **more: Any) -> str:
        """Return an attached payment method."""
        wish = {**CARD, "billing_details": DETAILS, "metadata": METADATA, **more}
        method = self.post("payment_methods", wish)["id"]
        self.post(f"payment_methods/{method}/attach", {"customer": customer})
        self.post(f"payment_methods/{method}", {"billing_details": DETAILS})
        return str(method)

    def account(self, customer: str) -> None:
        """Give a bank account with a mandate, and take it back."""
        online = {"ip_address": "203.0.113.77", "user_agent": f"Browser of {NAME}"}
        debit = {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "DE89370400440532013000"},
            "billing_details": DETAILS,
            "mandate_data": {"customer_acceptance": {"type": "online", "online": online}},
        }
        method = self.post("payment_methods", debit)["id"]
        self.post(f"payment_methods/{method}/attach", {"customer": customer})
        self.post(f"payment_methods/{method}/detach")

    def payment(self, customer: str, method: str) -> str:
        """Return a paid intent, refunded in part."""
        intent = self.post(
            "payment_intents",
            {
                "amount": 5000,
                "currency": "eur",
                "customer": customer,
                "payment_method": method,
                "confirm": True,
                "description": TEXT,
                "metadata": METADATA,
                "receipt_email": EMAIL,
                "return_url": URL,
                "shipping": {"name": NAME, "address": ADDRESS, "tracking_number": TEXT},
                "statement_descriptor": "ZERLINA Zerlina",
                "statement_descriptor_suffix": "ZERLINA",
            },
        )
        assert intent["status"] == "succeeded"
        refund = self.post(
            "refunds", {"payment_intent": intent["id"], "amount": 100, "metadata": METADATA}
        )
        self.post(f"refunds/{refund['id']}", {"metadata": METADATA})
        return str(intent["id"])

    def order(self, customer: str, method: str) -> None:
        """Pay a seller's order."""
        seller = self.post(
            "accounts",
            {"email": "s@example.com", "default_currency": "eur", "external_account": "ba_1"},
        )
        order = {"payment_order_id": "order-1", "seller_account": seller["id"]}
        self.post(
            "payments",
            {
                "buyer": {"customer": customer, "id": EMAIL, "name": NAME, "email": EMAIL},
                "checkout_id": "checkout-1",
                "credit_card_info": {"payment_method": method},
                "payment_orders": [{**order, "amount": "12.34", "currency": "EUR"}],
            },
        )

    def setup(self, customer: str) -> None:
        """Save another card."""
        self.post(
            "setup_intents",
            {
                "customer": customer,
                "payment_method": "pm_card_visa",
                "confirm": True,
                "description": TEXT,
                "metadata": METADATA,
                "return_url": URL,
            },
        )

    def session(self, customer: str) -> None:
        """Open a page to pay on, and close it."""
        price = {
            "currency": "eur",
            "unit_amount": 700,
            "product_data": {"name": f"Cup of {NAME}", "description": TEXT},
        }
        session = self.post(
            "checkout/sessions",
            {
                "mode": "payment",
                "customer": customer,
                "client_reference_id": EMAIL,
                "success_url": URL,
                "cancel_url": URL,
                "metadata": METADATA,
                "line_items": [{"price_data": price}],
                "payment_intent_data": {"description": TEXT, "metadata": METADATA},
            },
        )
        self.post(f"checkout/sessions/{session['id']}/expire")

    def subscription(self, customer: str, method: str) -> str:
        """Return a subscription that still runs, with an invoice made of words."""
        product = self.post("products", {"name": "Plan"})["id"]
        monthly = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
        price = self.post("prices", {"product": product, **monthly})["id"]
        words = {"description": TEXT, "metadata": METADATA}
        amount = {"amount": 300, "currency": "eur"}
        self.post("invoiceitems", {"customer": customer, **amount, **words})
        invoice = self.post(
            "invoices", {"customer": customer, "pending_invoice_items_behavior": "include", **words}
        )["id"]
        self.post(f"invoices/{invoice}/finalize")
        self.post(f"invoices/{invoice}/pay", {"payment_method": method})
        note = {"invoice": invoice, "amount": 100, "memo": TEXT, "metadata": METADATA}
        self.post("credit_notes", note)
        self.post(
            f"customers/{customer}/balance_transactions",
            {"amount": -50, "currency": "eur", **words},
        )
        subscription = self.post(
            "subscriptions",
            {
                "customer": customer,
                "items": [{"price": price, "metadata": METADATA}],
                "default_payment_method": method,
                **words,
            },
        )
        return str(subscription["id"])

    def dispute(self, intent: str, gateway: FakeGateway) -> Dispute:
        """Dispute a payment, answer with evidence, and lose."""
        now = timezone.now()
        payment = next(p for p in gateway.payments.values() if p.intent_id == intent)
        told = gateway.open_dispute(payment, now=now)
        dispute = record_dispute(gateway="stripe_main", result=told, origin=TESTER, now=now)
        evidence = {
            "customer_name": NAME,
            "customer_email_address": EMAIL,
            "billing_address": STREET,
            "uncategorized_text": TEXT,
        }
        scope = dispute.scope
        save_evidence(scope=scope, dispute_id=dispute.id, evidence=evidence, now=now)
        submit_evidence(scope=scope, dispute_id=dispute.id, origin=TESTER, now=now)
        return dispute


def told_by_gateway(intent_reference: str) -> InboundEvent:
    """Return a gateway's webhook, whose body names the payer."""
    now = timezone.now()
    return InboundEvent.objects.create(
        gateway="stripe_main",
        event_id="evt_1",
        type="payment_intent.succeeded",
        kind="payment",
        reference=intent_reference,
        payment_reference=intent_reference,
        occurred_at=now,
        body=f'{{"name": "{NAME}"}}'.encode(),
        received_at=now,
        available_at=now,
        status=InboundStatus.PROCESSED,
        processed_at=now,
    )
