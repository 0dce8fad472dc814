"""`/v1/reviews`."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import EnumField, IdField, TextField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.fraud.api.shapes import REVIEW
from apps.fraud.models import Review
from apps.fraud.objects import render_review
from apps.fraud.services.reviews import approve_review, decline_review, get_review
from apps.fraud.states import ReviewStatus


class ListReviews(ListSchema):
    payment_intent = IdField("pi", required=False)
    status = EnumField(ReviewStatus.values, required=False)


class CloseReview(RequestSchema):
    note = TextField(required=False, max_length=500)


class ReviewList(ApiView):
    resource = "reviews"
    schemas = {"GET": ListReviews}
    answers = {"GET": ListOf(REVIEW)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Review.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "payment_intent" in params:
            rows = rows.filter(intent_id=params["payment_intent"])
        # As Stripe does, only open ones are listed unless the caller asks for others.
        rows = rows.filter(status=params.get("status", ReviewStatus.OPEN))
        return list_page(rows, params, url="/v1/reviews", show=render_review)


class ReviewDetail(ApiView):
    resource = "reviews"
    answers = {"GET": REVIEW}

    def get(self, _request: HttpRequest, review_id: str) -> Json:
        self.load()
        return render_review(get_review(self.scope, review_id))


class ReviewApprove(ApiView):
    resource = "reviews"
    schemas = {"POST": CloseReview}
    answers = {"POST": REVIEW}

    def post(self, _request: HttpRequest, review_id: str) -> Json:
        review = approve_review(
            scope=self.scope,
            review_id=review_id,
            note=self.load().get("note", ""),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_review(review)


class ReviewDecline(ApiView):
    resource = "reviews"
    schemas = {"POST": CloseReview}
    answers = {"POST": REVIEW}

    def post(self, _request: HttpRequest, review_id: str) -> Json:
        review = decline_review(
            scope=self.scope,
            review_id=review_id,
            note=self.load().get("note", ""),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_review(review)


def load_reviews(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the reviews with these ids, for `expand[]`."""
    rows = get_rows(Review.objects, scope, ids)
    return {row.id: render_review(row) for row in rows}
