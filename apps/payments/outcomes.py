"""What people are told of what was done about a payment, here and in the apps above."""

from apps.backoffice.kit.dialogs import Outcome
from apps.backoffice.kit.display import money
from apps.payments.models import Refund
from apps.payments.states import RefundStatus


def outcome_of(refund: Refund) -> Outcome:
    """Return what a person is told of a refund that was just asked for."""
    facts = {"amount": money(refund.amount, refund.currency), "refund": refund.id}
    if refund.status == RefundStatus.REQUIRES_APPROVAL:
        return Outcome(
            message="{amount} is above your limits: a second person has to approve it ({refund}).",
            facts=facts,
        )
    if refund.status == RefundStatus.SUCCEEDED:
        return Outcome(message="{amount} is on its way back to the payer ({refund}).", facts=facts)
    if refund.status == RefundStatus.PENDING:
        return Outcome(
            message="{amount}: the gateway has not confirmed the refund yet. Unknown, we are"
            " checking; do not repeat it ({refund}).",
            facts=facts,
        )
    return Outcome(
        message="The gateway refused the refund of {amount}: {reason}.",
        facts={**facts, "reason": refund.failure_reason},
        succeeded=False,
    )
