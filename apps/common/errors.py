"""Refusals: errors which a caller may expect. Everything else is a bug and answers 500."""

from typing import Any, ClassVar


class DomainError(Exception):
    """
    A refusal which the caller can act on.

    `code` and `type` are part of the public API and never change; `status` is the HTTP status;
    `message` is for a developer to read; `param` names the parameter at fault; `context` holds the
    numbers a person needs to understand the refusal.
    """

    code: ClassVar[str]
    type: ClassVar[str] = "invalid_request_error"
    status: ClassVar[int] = 409
    template: ClassVar[str] = ""

    def __init__(self, message: str = "", *, param: str | None = None, **context: Any) -> None:
        self.context = context
        self.param = param
        self.message = message or self.template.format(**context) or self._describe()
        super().__init__(self.message)

    def _describe(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.context.items())
        sentence = self.code.replace("_", " ").capitalize()
        return f"{sentence}: {facts}." if facts else f"{sentence}."


class InvalidParameter(DomainError):
    """A parameter is malformed, out of range or does not fit the others."""

    code: ClassVar[str] = "parameter_invalid"
    status: ClassVar[int] = 400


class ResourceMissing(DomainError):
    """No object with this id in this account and mode."""

    code: ClassVar[str] = "resource_missing"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "No such {resource}: '{id}'."
