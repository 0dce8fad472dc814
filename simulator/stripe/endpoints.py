"""Stripe's API as one table: address, accepted parameters, what is done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.stripe.account import Cause, find
from simulator.stripe.desk import Desk, show_event
from simulator.stripe.dispute_objects import show_file, show_fraud_warning
from simulator.stripe.forms import Params
from simulator.stripe.lists import PAGE_PARAMS, SEARCH_PARAMS, show_page, show_search
from simulator.stripe.method_objects import show_customer, show_method
from simulator.stripe.objects import (
    show_charge,
    show_intent,
    show_payout,
    show_refund,
    show_setup_intent,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One request that is being worked on; `id` is the one in its path."""

    desk: Desk
    path: str
    id: str
    params: Params
    cause: Cause
    amount_off: int = 0


Handler = Callable[[Work], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` holds `*` where the id stands."""

    method: str
    path: str
    accepts: frozenset[str]
    handle: Handler


_EXPAND = frozenset({"expand"})
_NOTHING: frozenset[str] = frozenset()

METHOD_CREATE = frozenset({"type", "card", "sepa_debit", "billing_details", "metadata", "expand"})
CUSTOMER_UPDATE = frozenset({"email", "name", "phone", "description", "metadata", "expand"})
CUSTOMER_CREATE = CUSTOMER_UPDATE | {"payment_method"}

_INTENT_METHOD = frozenset({"payment_method", "payment_method_data", "payment_method_options"})
INTENT_CONFIRM = _INTENT_METHOD | {
    "expand",
    "mandate_data",
    "off_session",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "shipping",
}
INTENT_UPDATE = _INTENT_METHOD | {
    "amount",
    "currency",
    "customer",
    "description",
    "expand",
    "metadata",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
}
INTENT_CREATE = (
    INTENT_CONFIRM | INTENT_UPDATE | {"allowed_payment_method_types", "capture_method", "confirm"}
)
INTENT_CAPTURE = frozenset({"amount_to_capture", "metadata", "expand"})
INTENT_INCREMENT = frozenset({"amount", "metadata", "expand"})
INTENT_CANCEL = frozenset({"cancellation_reason", "expand"})
INTENT_LIST = PAGE_PARAMS | {"customer"}

SETUP_CONFIRM = _INTENT_METHOD | {"mandate_data", "return_url", "expand"}
SETUP_CREATE = SETUP_CONFIRM | {
    "allowed_payment_method_types",
    "confirm",
    "customer",
    "description",
    "metadata",
    "usage",
}
REFUND_CREATE = frozenset({"payment_intent", "charge", "amount", "reason", "metadata", "expand"})
REFUND_UPDATE = frozenset({"metadata", "expand"})
REFUND_LIST = PAGE_PARAMS | {"payment_intent", "charge"}
CHARGE_LIST = PAGE_PARAMS | {"payment_intent", "customer"}
MOVEMENT_LIST = PAGE_PARAMS | {"type", "source", "currency"}
PAYOUT_CREATE = frozenset(
    {
        "amount", "currency", "destination", "description", "statement_descriptor", "metadata",
        "expand",
    }
)  # fmt: skip
PAYOUT_LIST = PAGE_PARAMS | {"status"}
DISPUTE_LIST = PAGE_PARAMS | {"payment_intent", "charge"}
DISPUTE_UPDATE = frozenset({"evidence", "submit", "metadata", "expand"})
REPORT_RUN_CREATE = frozenset({"report_type", "parameters", "expand"})
EVENT_LIST = PAGE_PARAMS | {"type"}
CUSTOMER_METHOD_LIST = (PAGE_PARAMS - {"created"}) | {"type"}
METHOD_LIST = CUSTOMER_METHOD_LIST | {"customer"}


def _create_method(work: Work) -> dict[str, Any]:
    return show_method(work.desk.methods.create(work.params))


def _get_method(work: Work) -> dict[str, Any]:
    return show_method(work.desk.methods.get(work.id))


def _attach_method(work: Work) -> dict[str, Any]:
    customer = work.params.required_text("customer")
    return show_method(work.desk.methods.attach(work.id, customer, work.cause))


def _detach_method(work: Work) -> dict[str, Any]:
    return show_method(work.desk.methods.detach(work.id, work.cause))


def _list_methods(work: Work) -> dict[str, Any]:
    return _page_of_methods(work, work.params.required_text("customer"))


def _list_customer_methods(work: Work) -> dict[str, Any]:
    find(work.desk.account.customers, work.id, "customer", param="customer")
    return _page_of_methods(work, work.id)


def _page_of_methods(work: Work, customer_id: str) -> dict[str, Any]:
    type_ = work.params.text("type")
    methods = [
        each
        for each in work.desk.methods.of_customer(customer_id)
        if not type_ or each.type == type_
    ]
    return show_page(work.params, methods, show_method, url=work.path)


def _create_customer(work: Work) -> dict[str, Any]:
    return show_customer(work.desk.methods.create_customer(work.params, work.cause))


def _get_customer(work: Work) -> dict[str, Any]:
    return show_customer(find(work.desk.account.customers, work.id, "customer"))


def _update_customer(work: Work) -> dict[str, Any]:
    return show_customer(work.desk.methods.update_customer(work.id, work.params, work.cause))


def _delete_customer(work: Work) -> dict[str, Any]:
    work.desk.methods.delete_customer(work.id, work.cause)
    return {"id": work.id, "object": "customer", "deleted": True}


def _create_intent(work: Work) -> dict[str, Any]:
    intents = work.desk.intents
    return show_intent(intents.create(work.params, work.cause, amount_off=work.amount_off))


def _get_intent(work: Work) -> dict[str, Any]:
    return show_intent(work.desk.intents.get(work.id))


def _update_intent(work: Work) -> dict[str, Any]:
    return show_intent(work.desk.intents.update(work.id, work.params))


def _confirm_intent(work: Work) -> dict[str, Any]:
    intents = work.desk.intents
    return show_intent(
        intents.confirm(work.id, work.params, work.cause, amount_off=work.amount_off)
    )


def _capture_intent(work: Work) -> dict[str, Any]:
    intents = work.desk.intents
    return show_intent(
        intents.capture(work.id, work.params, work.cause, amount_off=work.amount_off)
    )


def _increment_intent(work: Work) -> dict[str, Any]:
    return show_intent(work.desk.intents.increment(work.id, work.params, work.cause))


def _cancel_intent(work: Work) -> dict[str, Any]:
    return show_intent(work.desk.intents.cancel(work.id, work.params, work.cause))


def _list_intents(work: Work) -> dict[str, Any]:
    customer = work.params.text("customer")
    intents = [
        each
        for each in work.desk.account.intents.values()
        if not customer or each.customer == customer
    ]
    return show_page(work.params, intents, show_intent, url=work.path)


def _search_intents(work: Work) -> dict[str, Any]:
    return show_search(work.params, work.desk.find_searchable, show_intent, url=work.path)


def _create_setup(work: Work) -> dict[str, Any]:
    return show_setup_intent(work.desk.setups.create(work.params, work.cause))


def _get_setup(work: Work) -> dict[str, Any]:
    return show_setup_intent(work.desk.setups.get(work.id))


def _confirm_setup(work: Work) -> dict[str, Any]:
    return show_setup_intent(work.desk.setups.confirm(work.id, work.params, work.cause))


def _cancel_setup(work: Work) -> dict[str, Any]:
    return show_setup_intent(work.desk.setups.cancel(work.id, work.params, work.cause))


def _create_refund(work: Work) -> dict[str, Any]:
    return show_refund(work.desk.refunds.create(work.params, work.cause))


def _get_refund(work: Work) -> dict[str, Any]:
    return show_refund(work.desk.refunds.get(work.id))


def _update_refund(work: Work) -> dict[str, Any]:
    return show_refund(work.desk.refunds.update(work.id, work.params, work.cause))


def _cancel_refund(work: Work) -> dict[str, Any]:
    return show_refund(work.desk.refunds.cancel(work.id, work.cause))


def _list_refunds(work: Work) -> dict[str, Any]:
    params = work.params
    refunds = work.desk.refunds_of(
        intent_id=params.text("payment_intent"), charge_id=params.text("charge")
    )
    return show_page(params, refunds, show_refund, url=work.path)


def _get_charge(work: Work) -> dict[str, Any]:
    return show_charge(find(work.desk.account.charges, work.id, "charge"))


def _list_charges(work: Work) -> dict[str, Any]:
    intent_id, customer = work.params.text("payment_intent"), work.params.text("customer")
    charges = [
        each
        for each in work.desk.account.charges.values()
        if (not intent_id or each.payment == intent_id)
        and (not customer or each.customer == customer)
    ]
    return show_page(work.params, charges, show_charge, url=work.path)


def _get_movement(work: Work) -> dict[str, Any]:
    movements = work.desk.account.movements
    return work.desk.show_movement(find(movements, work.id, "balance_transaction"))


def _list_movements(work: Work) -> dict[str, Any]:
    params = work.params
    wanted = (params.text("type"), params.text("source"), params.text("currency").lower())
    movements = [
        each
        for each in work.desk.account.movements.values()
        if all(
            not value or value == actual
            for value, actual in zip(wanted, (each.kind, each.source, each.currency), strict=True)
        )
    ]
    return show_page(params, movements, work.desk.show_movement, url=work.path)


def _get_balance(work: Work) -> dict[str, Any]:
    return work.desk.show_balance()


def _create_payout(work: Work) -> dict[str, Any]:
    return show_payout(work.desk.payouts.create(work.params, work.cause))


def _list_payouts(work: Work) -> dict[str, Any]:
    status = work.params.text("status")
    payouts = [
        payout
        for payout in work.desk.account.payouts.values()
        if not status or payout.status == status
    ]
    return show_page(work.params, payouts, show_payout, url=work.path)


def _get_payout(work: Work) -> dict[str, Any]:
    return show_payout(work.desk.payouts.get(work.id))


def _get_dispute(work: Work) -> dict[str, Any]:
    return work.desk.show_dispute(work.desk.disputes.get(work.id))


def _list_disputes(work: Work) -> dict[str, Any]:
    params = work.params
    disputes = work.desk.disputes.of(
        charge_id=params.text("charge"), intent_id=params.text("payment_intent")
    )
    return show_page(params, disputes, work.desk.show_dispute, url=work.path)


def _update_dispute(work: Work) -> dict[str, Any]:
    desk = work.desk
    return desk.show_dispute(desk.disputes.update(work.id, work.params, work.cause))


def _close_dispute(work: Work) -> dict[str, Any]:
    return work.desk.show_dispute(work.desk.disputes.close(work.id, work.cause))


def _upload_file(work: Work) -> dict[str, Any]:
    return show_file(work.desk.disputes.upload(work.params))


def _get_fraud_warning(work: Work) -> dict[str, Any]:
    warnings = work.desk.account.fraud_warnings
    return show_fraud_warning(find(warnings, work.id, "early_fraud_warning"))


def _list_fraud_warnings(work: Work) -> dict[str, Any]:
    params = work.params
    warnings = [
        each
        for each in work.desk.account.fraud_warnings.values()
        if params.text("charge") in {"", each.charge.id}
        and params.text("payment_intent") in {"", each.charge.payment}
    ]
    return show_page(params, warnings, show_fraud_warning, url=work.path)


def _get_event(work: Work) -> dict[str, Any]:
    events = {event.id: event for event in work.desk.account.events}
    return show_event(find(events, work.id, "event"))


def _list_events(work: Work) -> dict[str, Any]:
    type_ = work.params.text("type")
    events = [each for each in work.desk.account.events if not type_ or each.type == type_]
    return show_page(work.params, events, show_event, url=work.path)


def _get_report_type(work: Work) -> dict[str, Any]:
    return work.desk.reporting.show_type(work.id)


def _create_report_run(work: Work) -> dict[str, Any]:
    return work.desk.reporting.create(work.params)


def _get_report_run(work: Work) -> dict[str, Any]:
    return work.desk.reporting.retrieve(work.id)


ENDPOINTS = (
    Endpoint("POST", "payment_methods", METHOD_CREATE, _create_method),
    Endpoint("GET", "payment_methods", METHOD_LIST, _list_methods),
    Endpoint("GET", "payment_methods/*", _EXPAND, _get_method),
    Endpoint("POST", "payment_methods/*/attach", _EXPAND | {"customer"}, _attach_method),
    Endpoint("POST", "payment_methods/*/detach", _EXPAND, _detach_method),
    Endpoint("POST", "customers", CUSTOMER_CREATE, _create_customer),
    Endpoint("GET", "customers/*", _EXPAND, _get_customer),
    Endpoint("POST", "customers/*", CUSTOMER_UPDATE, _update_customer),
    Endpoint("DELETE", "customers/*", _NOTHING, _delete_customer),
    Endpoint("GET", "customers/*/payment_methods", CUSTOMER_METHOD_LIST, _list_customer_methods),
    Endpoint("GET", "payment_intents/search", SEARCH_PARAMS, _search_intents),
    Endpoint("POST", "payment_intents", INTENT_CREATE, _create_intent),
    Endpoint("GET", "payment_intents", INTENT_LIST, _list_intents),
    Endpoint("GET", "payment_intents/*", _EXPAND, _get_intent),
    Endpoint("POST", "payment_intents/*", INTENT_UPDATE, _update_intent),
    Endpoint("POST", "payment_intents/*/confirm", INTENT_CONFIRM, _confirm_intent),
    Endpoint("POST", "payment_intents/*/capture", INTENT_CAPTURE, _capture_intent),
    Endpoint(
        "POST",
        "payment_intents/*/increment_authorization",
        INTENT_INCREMENT,
        _increment_intent,
    ),
    Endpoint("POST", "payment_intents/*/cancel", INTENT_CANCEL, _cancel_intent),
    Endpoint("POST", "setup_intents", SETUP_CREATE, _create_setup),
    Endpoint("GET", "setup_intents/*", _EXPAND, _get_setup),
    Endpoint("POST", "setup_intents/*/confirm", SETUP_CONFIRM, _confirm_setup),
    Endpoint("POST", "setup_intents/*/cancel", INTENT_CANCEL, _cancel_setup),
    Endpoint("POST", "refunds", REFUND_CREATE, _create_refund),
    Endpoint("GET", "refunds", REFUND_LIST, _list_refunds),
    Endpoint("GET", "refunds/*", _EXPAND, _get_refund),
    Endpoint("POST", "refunds/*", REFUND_UPDATE, _update_refund),
    Endpoint("POST", "refunds/*/cancel", _EXPAND, _cancel_refund),
    Endpoint("GET", "charges", CHARGE_LIST, _list_charges),
    Endpoint("GET", "charges/*", _EXPAND, _get_charge),
    Endpoint("GET", "balance_transactions", MOVEMENT_LIST, _list_movements),
    Endpoint("GET", "balance_transactions/*", _EXPAND, _get_movement),
    Endpoint("GET", "balance", _EXPAND, _get_balance),
    Endpoint("POST", "payouts", PAYOUT_CREATE, _create_payout),
    Endpoint("GET", "payouts", PAYOUT_LIST, _list_payouts),
    Endpoint("GET", "payouts/*", _EXPAND, _get_payout),
    Endpoint("GET", "disputes", DISPUTE_LIST, _list_disputes),
    Endpoint("GET", "disputes/*", _EXPAND, _get_dispute),
    Endpoint("POST", "disputes/*", DISPUTE_UPDATE, _update_dispute),
    Endpoint("POST", "disputes/*/close", _EXPAND, _close_dispute),
    Endpoint("POST", "files", frozenset({"file", "purpose"}), _upload_file),
    Endpoint("GET", "radar/early_fraud_warnings", DISPUTE_LIST, _list_fraud_warnings),
    Endpoint("GET", "radar/early_fraud_warnings/*", _EXPAND, _get_fraud_warning),
    Endpoint("GET", "reporting/report_types/*", _EXPAND, _get_report_type),
    Endpoint("POST", "reporting/report_runs", REPORT_RUN_CREATE, _create_report_run),
    Endpoint("GET", "reporting/report_runs/*", _EXPAND, _get_report_run),
    Endpoint("GET", "events", EVENT_LIST, _list_events),
    Endpoint("GET", "events/*", _EXPAND, _get_event),
)

_BY_SHAPE = {(each.method, tuple(each.path.split("/"))): each for each in ENDPOINTS}


def find_endpoint(method: str, path: str) -> tuple[Endpoint, str] | None:
    """Return the endpoint for a path below /v1/ and the id in it; None: there is none."""
    steps = tuple(path.split("/"))
    exact = _BY_SHAPE.get((method, steps))
    if exact is not None and "*" not in steps:
        return exact, ""
    # The id is the second step; below a folder such as `radar/` the third.
    for place, step in enumerate(steps[1:3], start=1):
        endpoint = _BY_SHAPE.get((method, (*steps[:place], "*", *steps[place + 1 :])))
        if endpoint is not None and step:
            return endpoint, step
    return None
