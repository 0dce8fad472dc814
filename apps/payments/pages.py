"""Where a payer arrives who comes back from the bank's page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.common.returns import read_return_token, send_on
from apps.payments.selectors import get_attempt_and_intent
from apps.payments.services.attempts import RETURN_KIND, finish_attempt
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
    attempt_id = read_return_token(RETURN_KIND, token)
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
    told = {
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": _REDIRECT_STATUSES.get(IntentStatus(intent.status), "pending"),
    }
    return send_on(request, intent.return_url, told)
