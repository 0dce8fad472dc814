"""The guard that keeps card numbers out (ruling C6): it keeps this installation in PCI SAQ-A."""

import re
from typing import Any, ClassVar, Final

from apps.common.card_numbers import has_card_number
from apps.common.errors import DomainError

# Names that can only mean card data, whatever they hold.
_FORBIDDEN_KEYS: Final = frozenset(
    {"cvc", "cvv", "cvc2", "cvv2", "card_number", "cardnumber", "pan"}
)


class RawCardData(DomainError):
    """A request carried a card number or a security code; its value is kept nowhere."""

    code: ClassVar[str] = "raw_card_data_rejected"
    status: ClassVar[int] = 400
    template: ClassVar[str] = (
        "{param_name} holds card data. Send a token instead: card numbers and security codes are"
        " accepted in no field."
    )


def refuse_card_data(params: Any, param: str = "") -> None:
    """
    Refuse parameters that hold a card number in any key or value, at any depth.

    :raises RawCardData: names the parameter, never the value
    """
    if type(params) is dict:
        for key, value in params.items():
            name = f"{param}[{key}]" if param else key
            if _is_card_key(key, param) or has_card_number(key):
                raise RawCardData(param=_shown(name), param_name=_shown(name))
            refuse_card_data(value, name)
    elif type(params) is list:
        for place, value in enumerate(params):
            refuse_card_data(value, f"{param}[{place}]")
    elif has_card_number(params):
        raise RawCardData(param=_shown(param), param_name=_shown(param))


def _is_card_key(key: str, parent: str) -> bool:
    name = key.lower()
    return name in _FORBIDDEN_KEYS or (
        name == "number" and (parent == "card" or parent.endswith("[card]"))
    )


def _shown(param: str) -> str:
    """Return the name without any digits, in case a key further up holds the number itself."""
    return re.sub(r"\d{6,}", "...", param)[:100]
