"""The hosted page: what a payer sees who follows the link of a session."""

import secrets
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from apps.api.errors import RateLimited
from apps.api.models import Merchant
from apps.api.throttling import take_address_token
from apps.checkout.display import (
    choose_language,
    explain_decline,
    show_amount,
    show_day,
    show_interval,
    show_moment,
)
from apps.checkout.errors import SessionNotOpen
from apps.checkout.models import Session
from apps.checkout.objects import page_url
from apps.checkout.policies import PAID, Standing, page_state
from apps.checkout.selectors import find_session, trial_end_of
from apps.checkout.services.payment import Submission, pay_session
from apps.checkout.services.sessions import settle_session
from apps.checkout.states import PageState, SessionMode, SessionStatus
from apps.checkout.subjects import Subject, subject_of
from apps.common.addresses import client_address
from apps.common.card_fields import TOKEN, fields_origin, fields_url
from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Origin

_MAX_EMAIL_CHARS = 512

# States in which the page asks for a card.
_PAYABLE = {PageState.OPEN, PageState.DECLINED, PageState.UNAVAILABLE, PageState.VERIFICATION}
_PAID = {PageState.SUCCEEDED, PageState.ALREADY_PAID}

_HEADERS = {
    "Cache-Control": "no-store",
    # The form's POST needs its own origin named; nobody else learns the link.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def payment_page(request: HttpRequest, session_id: str) -> HttpResponse:
    """Show how the session stands, or take the payer's card."""
    session = _session(session_id)
    if request.method == "POST":
        return _take_card(request, session)
    return _show(request, session)


@require_safe
def payment_status(_request: HttpRequest, session_id: str) -> HttpResponse:
    """Tell the waiting page which state it should show."""
    session = _session(session_id)
    response = JsonResponse({"state": _state(session, subject_of(session))})
    response["Cache-Control"] = "no-store"
    return response


def _session(session_id: str) -> Session:
    session = find_session(session_id)
    if session is None:
        raise Http404
    return session


def _state(session: Session, subject: Subject) -> PageState:
    standing = Standing(
        session=session.status,
        intent=subject.status,
        error_type=subject.error.get("type", ""),
        expires_at=session.expires_at,
        completed_at=session.completed_at,
    )
    return page_state(standing, timezone.now())


def _take_card(request: HttpRequest, session: Session) -> HttpResponse:
    try:
        take_address_token(client_address(request))
    except RateLimited:
        return _show(request, session, status=HTTPStatus.TOO_MANY_REQUESTS)
    token = request.POST.get("token", "")
    email = request.POST.get("email", "").strip()
    if not TOKEN.match(token) or len(email) > _MAX_EMAIL_CHARS:
        return _show(request, session, status=HTTPStatus.BAD_REQUEST)
    try:
        pay_session(
            session=session,
            submission=Submission(token=token, try_number=request.POST.get("try", ""), email=email),
            origin=Origin(actor=f"payer:{session.id}", request_id=new_id("req")),
            now=timezone.now(),
        )
    except SessionNotOpen:
        # Another tab was faster.
        state = PageState.ALREADY_PAID if session.completed_at else None
        return _show(request, _session(session.id), state=state)
    except DomainError:
        return _show(request, _session(session.id), state=PageState.UNAVAILABLE)
    return HttpResponseRedirect(page_url_path(session))


def page_url_path(session: Session) -> str:
    """Return the page's address on this very host."""
    return urlsplit(page_url(session.id)).path


def _show(
    request: HttpRequest,
    session: Session,
    *,
    state: PageState | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    subject = subject_of(session)
    if session.status == SessionStatus.OPEN and subject.status in PAID:
        # The payer came back from the bank before the news did.
        session = settle_session(session_id=session.id, now=timezone.now())
    state = state or _state(session, subject)
    nonce = secrets.token_urlsafe(16)
    language = choose_language(session.locale, request)
    with translation.override(language):
        context = _context(session, subject, state, language=language, nonce=nonce)
        response = render(request, f"checkout/{state}.html", context, status=status)
    for name, value in _HEADERS.items():
        response[name] = value
    response["Content-Security-Policy"] = _policy(nonce)
    response["Content-Language"] = language
    return response


def _context(
    session: Session, subject: Subject, state: PageState, *, language: str, nonce: str
) -> dict[str, Any]:
    currency = session.currency
    trial_end = trial_end_of(session, timezone.now())

    def money(amount: int) -> str:
        return show_amount(amount, currency, language)

    return {
        "session": session,
        "state": state,
        "nonce": nonce,
        "is_rtl": translation.get_language_bidi(),
        "seller": Merchant.objects.only("name").get(pk=session.merchant_id).name,
        "lines": [
            {
                "name": line["name"],
                "quantity": line["quantity"],
                "amount": money(line["unit_amount"] * line["quantity"]),
            }
            for line in session.line_items
        ],
        "is_setup": session.mode == SessionMode.SETUP,
        "period": _period(session, language),
        "trial_end": show_day(trial_end, language) if trial_end else "",
        "price": money(sum(line["unit_amount"] * line["quantity"] for line in session.line_items))
        if session.currency
        else "",
        "total": money(session.amount_total) if session.currency else "",
        "is_paid": state in _PAID,
        "is_hold": subject.is_hold,
        "descriptor": subject.descriptor,
        "expires": show_moment(session.expires_at, language),
        "paid_at": show_moment(session.completed_at, language) if session.completed_at else "",
        "receipt_email": subject.receipt_email,
        "reference": subject.id,
        "is_payable": state in _PAYABLE,
        "reason": explain_decline(subject.error),
        "bank_url": subject.bank_url,
        "try_number": subject.next_try,
        "fields_url": fields_url(language),
        "fields_origin": fields_origin(),
        "success_url": session.success_url.replace("{CHECKOUT_SESSION_ID}", session.id),
        "cancel_url": session.cancel_url,
    }


def _period(session: Session, language: str) -> str:
    """Return how long a period of the subscription is, "" when nothing recurs."""
    if session.mode != SessionMode.SUBSCRIPTION:
        return ""
    # All lines recur alike, or the session would not have been opened.
    line = session.line_items[0]
    return show_interval(line["interval"], line["interval_count"], language)


def _policy(nonce: str) -> str:
    """Return the policy of the page: its own script and style, and one frame of one origin."""
    frames = fields_origin() or "'none'"
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        f"img-src 'self' data:; connect-src 'self'; frame-src {frames}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
