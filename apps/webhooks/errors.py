"""What can go wrong with webhooks, in and out."""

from typing import ClassVar

from apps.common.errors import DomainError


class UnknownObject(Exception):
    """
    A gateway's event is about an object that we do not have (yet): try again later.

    A webhook may overtake the commit of the call that caused it.
    """


class UrlRefused(DomainError):
    """We do not send to this address."""

    code: ClassVar[str] = "url_invalid"
    status: ClassVar[int] = 400

    def __init__(self, message: str) -> None:
        super().__init__(message, param="url")


class EventTypeUnknown(DomainError):
    """`enabled_events` names something that is no type of event."""

    code: ClassVar[str] = "parameter_invalid"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{type} is no type of event; use '*' for all types."


class EndpointNotVerified(DomainError):
    """The endpoint did not prove that it wants our events."""

    code: ClassVar[str] = "webhook_endpoint_unverified"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The endpoint did not answer the verification: {reason}."


class EndpointNotEnabled(DomainError):
    """Events are sent to enabled endpoints only."""

    code: ClassVar[str] = "webhook_endpoint_not_enabled"
    template: ClassVar[str] = "The endpoint is {status}: enable it first."


class TooManyEndpoints(DomainError):
    code: ClassVar[str] = "webhook_endpoint_limit"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "An account has at most {maximum} webhook endpoints per mode."
