"""Refusals of risk."""

from typing import ClassVar

from apps.common.errors import DomainError


class RuleInvalid(DomainError):
    """The expression cannot be a rule."""

    code: ClassVar[str] = "rule_invalid"
    status: ClassVar[int] = 400


class RuleNotPublishable(DomainError):
    """Only a draft or shadow rule can go live, and only a version that was live can come back."""

    code: ClassVar[str] = "rule_not_publishable"
    template: ClassVar[str] = "{rule} is {status}."


class ListAliasTaken(DomainError):
    code: ClassVar[str] = "value_list_alias_taken"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "There is a value list with the alias '{alias}' already."


class ListInUse(DomainError):
    code: ClassVar[str] = "value_list_in_use"
    template: ClassVar[str] = "{value_list} is used by {rule}."


class ListFull(DomainError):
    code: ClassVar[str] = "value_list_full"
    template: ClassVar[str] = "{value_list} holds {limit} values, which is the most."


class ListItemExists(DomainError):
    code: ClassVar[str] = "value_list_item_exists"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The list has this value already: {item}."


class ReviewClosed(DomainError):
    """Somebody decided before."""

    code: ClassVar[str] = "review_closed"
    template: ClassVar[str] = "{review} is closed: {status}."


class CardUnknown(DomainError):
    """There is nothing by which the card would be known again."""

    code: ClassVar[str] = "card_unknown"
    template: ClassVar[str] = "The card of {review} has no fingerprint, so it cannot be blocked."


class ModelUnwatched(DomainError):
    """It has to shadow for a while before its score acts."""

    code: ClassVar[str] = "risk_model_unwatched"
    template: ClassVar[str] = "{model} has not been watched as a shadow for {days} days."


class ModelNotBetter(DomainError):
    """On the same payments the model in use finds frauds better."""

    code: ClassVar[str] = "risk_model_not_better"
    template: ClassVar[str] = (
        "{model} has an average precision of {average_precision} on {payments} payments with"
        " {frauds} frauds, {other} has {other_average_precision}."
    )


class TooFewFrauds(DomainError):
    """The history has too few known frauds to learn from, or to compare models on."""

    code: ClassVar[str] = "too_few_frauds"
    template: ClassVar[str] = "There are {frauds} known frauds; it takes {needed}."
