"""The OpenAPI document, told by the views themselves, and the pages that show it."""

import inspect
import json
import re
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes

from apps.api.errors import RateLimited, error_response
from apps.api.fields import (
    MAX_INTEGER,
    MAX_UNIX_SECONDS,
    METADATA_MAX_KEY_LENGTH,
    METADATA_MAX_VALUE_LENGTH,
)
from apps.api.schemas import RequestSchema
from apps.api.shapes import (
    TEXT_OR_NULL,
    Answer,
    Download,
    EitherOf,
    ListOf,
    SearchOf,
    Shape,
    list_schema,
)
from apps.api.throttling import take_address_token
from apps.common.addresses import client_address
from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.metadata import METADATA_MAX_KEYS
from apps.common.money import CURRENCIES

Json = dict[str, Any]

# Everything the pages need comes from this host; there is no inline script or style.
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Redoc writes its styles into the page and searches in a worker that it makes itself. Its maker's
# logo, which it would load from elsewhere, stays away.
_POLICY_OF_REDOC: Final = (
    _CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    + "; worker-src blob:"
)
_ERROR: Final = {"$ref": "#/components/schemas/Error"}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "One key per request that should happen once; kept for 24 hours.",
    "schema": {"type": "string", "maxLength": 255, "pattern": r"^[!#-+\-.-~][!-+\-.-~]*$"},
}
_EXPAND: Final = {
    "name": "expand[]",
    "in": "query",
    "description": "Ids to answer as objects.",
    "schema": {"type": "array", "items": {"type": "string"}},
}


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI 3.1 document; who asks shows no key, so it counts for their address."""
    try:
        allowance = take_address_token(client_address(request))
    except RateLimited as refusal:
        response, allowance = error_response(refusal, request), refusal.context["allowance"]
    else:
        response = HttpResponse(_document(), content_type="application/json")
        response["Request-Id"] = new_id("req")
    headers = {"Api-Version": settings.API_VERSION, "X-Content-Type-Options": "nosniff"}
    for name, value in {**headers, **allowance.headers()}.items():
        response[name] = value
    return response


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the document with Swagger UI, which is served from this host."""
    return _page(request, "api/docs.html", {})


@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    """Show the document with Redoc, which is served from this host."""
    return _page(request, "api/redoc.html", {}, policy=_POLICY_OF_REDOC)


@require_safe
def error_docs(request: HttpRequest) -> HttpResponse:
    """List every code an error can have; `doc_url` of an error points here."""
    return _page(request, "api/errors.html", {"errors": _error_codes()})


class ApiSchema(AutoSchema):
    """Reads what an ApiView declares: its schemas per method, and its docstrings."""

    def get_request_serializer(self) -> Any:
        """Return the schema of the body."""
        return self._schema() if self.method == "POST" else None

    def get_response_serializers(self) -> Any:
        """Answers are described by the view's `answers`."""
        answers: dict[str, Answer] = getattr(self.view, "answers", {})
        answer = answers.get(self.method)
        if answer is None:
            return OpenApiTypes.OBJECT
        if isinstance(answer, Download):
            return {(HTTPStatus.OK, kind): OpenApiTypes.BINARY for kind in answer.media_types}
        return {HTTPStatus.OK: self._answer(answer)}

    def get_operation(self, *args: Any, **kwargs: Any) -> Json | None:
        """Return the operation with the headers and errors that all of them share."""
        operation: Json | None = super().get_operation(*args, **kwargs)
        if operation is None or not hasattr(self.view, "resource"):
            return operation
        parameters = operation.setdefault("parameters", [])
        if self.method == "POST":
            parameters.append(_IDEMPOTENCY_KEY)
        else:
            parameters += [*self._query_parameters(), _EXPAND]
        error = {"description": "Error", "content": {"application/json": {"schema": _ERROR}}}
        operation["responses"]["default"] = error
        return operation

    def get_operation_id(self) -> str:
        """Return the method and the path in words: unique, and the same in every release."""
        words = re.findall(r"\w+", self.path.removeprefix("/v1"))
        return "_".join([self.method.lower(), *words])

    def get_description(self) -> str:  # type: ignore[override]  # as in drf-spectacular
        """Return what the handler or its view says; a base class speaks about others, too."""
        handler = getattr(self.view, self.method.lower())
        return inspect.cleandoc(handler.__doc__ or type(self.view).__doc__ or "")

    def get_tags(self) -> list[str]:
        """Group by resource."""
        return [str(getattr(self.view, "resource", "operations"))]

    def _schema(self) -> type[RequestSchema] | None:
        found: type[RequestSchema] | None = getattr(self.view, "schemas", {}).get(self.method)
        return found

    def _answer(self, answer: Shape | ListOf | SearchOf | EitherOf) -> Json:
        """Return a reference to the shape, which becomes a component of the document."""
        if isinstance(answer, ListOf):
            schema = list_schema(self._answer(answer.entry), answer.more)
        elif isinstance(answer, SearchOf):
            more = {"next_page": TEXT_OR_NULL}
            schema = list_schema(self._answer(answer.entry), more, kind="search_result")
        elif isinstance(answer, EitherOf):
            schema = {"anyOf": [self._answer(shape) for shape in answer.shapes]}
        else:
            schema = answer.schema()
        component = ResolvedComponent(  # type: ignore[no-untyped-call]  # no types
            name=answer.name, type=ResolvedComponent.SCHEMA, schema=schema, object=answer.name
        )
        self.registry.register_on_missing(component)
        reference: Json = component.ref
        return reference

    def _query_parameters(self) -> list[Json]:
        schema = self._schema()
        if schema is None:
            return []
        described = []
        for name, field in schema().fields.items():
            style = {"style": "deepObject"} if isinstance(field, RequestSchema) else {}
            described.append(
                {
                    "name": name,
                    "in": "query",
                    "required": field.required,
                    "schema": self._map_serializer_field(field, "request"),  # type: ignore[no-untyped-call]
                    **style,
                }
            )
        return described


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # no types
    """How keys are sent."""

    target_class = "apps.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, _auto_schema: AutoSchema) -> Json:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "sk_test_..., rk_..., pk_..."}


class RequestDocument(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # no types
    """A parameter that the schema does not have is refused, so the document says so."""

    target_class = "apps.api.schemas.RequestSchema"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Json:
        """Return the schema of the parameters."""
        schema: Json = auto_schema._map_serializer(  # type: ignore[no-untyped-call]  # noqa: SLF001
            self.target, direction, bypass_extensions=True
        )
        # The docstring of a base class says nothing about this request.
        if type(self.target).__doc__ is None:
            schema.pop("description", None)
        return {**schema, "additionalProperties": False}


class CurrencyDocument(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # no types
    """The currencies that can be charged, in one place of the document."""

    target_class = "apps.api.fields.CurrencyField"

    def get_name(self) -> str:
        """Return the name of the component."""
        return "Currency"

    def map_serializer_field(self, _auto_schema: AutoSchema, _direction: str) -> Json:
        """Return the schema of the field."""
        return {"type": "string", "enum": sorted(code.lower() for code in CURRENCIES)}


class AmountDocument(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # no types
    """Amounts lie between the field's least and the most that any field takes."""

    target_class = "apps.api.fields.AmountField"

    def map_serializer_field(self, _auto_schema: AutoSchema, _direction: str) -> Json:
        """Return the schema of the field."""
        return {"type": "integer", "minimum": self.target.least, "maximum": MAX_INTEGER}


class IdDocument(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # no types
    """Ids say by their prefix what they name."""

    target_class = "apps.api.fields.IdField"

    def map_serializer_field(self, _auto_schema: AutoSchema, _direction: str) -> Json:
        """Return the schema of the field."""
        prefixes = "|".join(self.target.prefixes)
        return {
            "type": "string",
            "maxLength": self.target.longest,
            "pattern": f"^({prefixes})_[A-Za-z0-9_]+$",
        }


class TimestampDocument(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # no types
    """Unix seconds of this era."""

    target_class = "apps.api.fields.TimestampField"

    def map_serializer_field(self, _auto_schema: AutoSchema, _direction: str) -> Json:
        """Return the schema of the field."""
        return {"type": "integer", "minimum": 0, "maximum": MAX_UNIX_SECONDS}


class MetadataDocument(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # no types
    """The limits of metadata."""

    target_class = "apps.api.fields.MetadataField"

    def map_serializer_field(self, _auto_schema: AutoSchema, _direction: str) -> Json:
        """Return the schema of the field."""
        return {
            "type": "object",
            "maxProperties": METADATA_MAX_KEYS,
            "propertyNames": {
                "minLength": 1,
                "maxLength": METADATA_MAX_KEY_LENGTH,
                "pattern": r"^[^\[\]]*$",
            },
            "additionalProperties": {"type": "string", "maxLength": METADATA_MAX_VALUE_LENGTH},
        }


def add_error_schema(result: Json, **_options: Any) -> Json:
    """Add the error object; a postprocessing hook of drf-spectacular."""
    text = {"type": "string"}
    properties = {
        "type": {"type": "string", "enum": list(_ERROR_TYPES)},
        **dict.fromkeys(("code", "message", "doc_url", "request_id", "param"), text),
        **dict.fromkeys(("decline_code", "advice_code", "network_decline_code"), text),
        "payment_intent": {"type": "object", "additionalProperties": True},
        "retryable": {"type": "boolean"},
    }
    error = {
        "type": "object",
        "required": ["type", "code", "message", "doc_url", "request_id", "retryable"],
        "properties": properties,
    }
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Error"] = {"type": "object", "required": ["error"], "properties": {"error": error}}
    return result


_ERROR_TYPES: Final = (
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "card_error",
    "idempotency_error",
    "rate_limit_error",
    "api_error",
)


@cache
def _document() -> str:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # the library has no types
    return json.dumps(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


def _error_codes() -> list[Json]:
    found: dict[str, Json] = {}
    classes = [DomainError]
    while classes:
        error = classes.pop()
        classes += error.__subclasses__()
        if hasattr(error, "code"):
            meaning = error.template or (error.__doc__ or "").strip()
            found.setdefault(
                error.code,
                {"code": error.code, "status": error.status, "type": error.type, "text": meaning},
            )
    return [found[code] for code in sorted(found)]


def _page(
    request: HttpRequest, template: str, context: Json, *, policy: str = _CONTENT_SECURITY_POLICY
) -> HttpResponse:
    response = render(request, template, {"api_version": settings.API_VERSION, **context})
    response["Content-Security-Policy"] = policy
    return response
