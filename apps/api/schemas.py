"""
Request schemas: what a request may contain, declared once, for checking and for the document.

A schema is a serializer, so that drf-spectacular documents it. To check a request it walks its
fields itself: the framework copies every field for every request, which costs more than the rest
of a request's checks together.
"""

from functools import cache
from typing import Any, Self, cast

from rest_framework import serializers
from rest_framework.fields import empty

from apps.api.errors import ParameterMissing, ParameterUnknown
from apps.api.fields import Field
from apps.api.parsers import FormText
from apps.common.errors import InvalidParameter


class RequestSchema(serializers.Serializer):  # type: ignore[type-arg]  # no model behind it
    """
    The parameters of one request, or of one map inside of it.

        class CreateRefund(RequestSchema):
            payment_intent = IdField("pi")
            amount = AmountField(required=False)
    """

    @classmethod
    def load(cls, params: dict[str, Any]) -> dict[str, Any]:
        """
        Return the checked parameters; those which were not sent are absent or have their default.

        :raises ParameterUnknown: a name that the schema does not have
        :raises ParameterMissing: a required name is absent
        :raises DomainError: a value is not what its field takes
        """
        return _instance(cls).read(params, "")

    def read(self, params: Any, param: str) -> dict[str, Any]:
        """Check a map; `param` is its own name in bracket notation, empty for the request."""
        if not isinstance(params, dict):
            raise InvalidParameter(f"{param} must be a map.", param=param)
        # The plain dict inside: the framework's own mapping costs more than the checks.
        fields = cast("dict[str, Field | Self]", self.fields.fields)
        for name in params:
            if name not in fields:
                unknown = _join(param, name[:100])
                raise ParameterUnknown(param=unknown, param_name=unknown)
        loaded = {}
        for name, field in fields.items():
            value = params.get(name, empty)
            if value is not empty:
                loaded[name] = _read(field, value, _join(param, name))
            elif field.required:
                missing = _join(param, name)
                raise ParameterMissing(param=missing, param_name=missing)
            elif field.default is not empty:
                loaded[name] = field.default
        return loaded


class EmptySchema(RequestSchema):
    """A request without parameters."""


def _read(field: Any, value: Any, param: str) -> Any:
    # An empty text is how a form says null.
    is_null = value is None or (type(value) is FormText and value == "")
    return None if is_null and field.allow_null else field.read(value, param)


def _join(param: str, name: str) -> str:
    return f"{param}[{name}]" if param else name


@cache
def _instance(schema: type[RequestSchema]) -> RequestSchema:
    return schema()
