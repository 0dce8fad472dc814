"""Where a payer arrives who comes back from the bank's page."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.payments.models import PaymentIntent
from apps.payments.returns import read_return_token
from apps.payments.selectors import get_attempt_and_intent
from apps.payments.services.attempts import finish_attempt
from apps.payments.states import IntentStatus

# Stripe's words for how it went; a hint for the page that comes, which asks the API for the truth.
_REDIRECT_STATUSES = {
    IntentStatus.SUCCEEDED: "succeeded",
    IntentStatus.REQUIRES_CAPTURE: "succeeded",
    IntentStatus.FAILED: "failed",
}


@require_safe
def payer_return(request: HttpRequest, token: str) -> HttpResponse:
    """Finish the payment with its gateway, then send the payer on to the merchant."""
    attempt_id = read_return_token(token)
    if attempt_id is None:
        raise Http404
    try:
        intent = finish_attempt(
            attempt_id=attempt_id,
            answer=request.GET.dict(),
            origin=Origin(actor="payer", request_id=new_id("req")),
            now=timezone.now(),
        )
    except DomainError:
        # Others are at work on it; the page that follows tells how it stands.
        _, intent = get_attempt_and_intent(attempt_id)
    response = _send_on(request, intent)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _send_on(request: HttpRequest, intent: PaymentIntent) -> HttpResponse:
    if not intent.return_url:
        return render(request, "payments/returned.html")
    told = {
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": _REDIRECT_STATUSES.get(IntentStatus(intent.status), "pending"),
    }
    glue = "&" if "?" in intent.return_url else "?"
    return HttpResponseRedirect(f"{intent.return_url}{glue}{urlencode(told)}")
