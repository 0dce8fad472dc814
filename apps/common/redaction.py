"""
Take secrets and people out of JSON text that is kept for operators to read.

It works on the text and not on the objects: that costs less than to parse it and walk over it,
and a text that was cut off in the middle is redacted all the same.
"""

import re
from functools import lru_cache
from typing import Final

REDACTED: Final = "[redacted]"

# Names whose texts are credentials, or say who or where a person is. Another name may stand in
# front: `receipt_email`, `customer_purchase_ip`.
_NAME: Final = re.compile(
    r".*(?:email|phone|address|secret|token|iban|password|_name|_ip)"
    r"|name|ip|line[12]|postal_code|account_number",
    re.IGNORECASE,
)
_PROPERTY: Final = re.compile(r'"([^"\\]+)"(\s*:\s*)"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)')
# Credentials and addresses of people wherever they stand, such as in a description or a link;
# the text without which an expression finds nothing comes first.
_ANYWHERE: Final = (
    ("@", re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.-]+")),
    ("k_test_", re.compile(r"\b[srp]k_test_\w+")),
    ("k_live_", re.compile(r"\b[srp]k_live_\w+")),
    ("whsec_", re.compile(r"\bwhsec_[\w+/=]+")),
    ("_secret_", re.compile(r"\b[a-z]+_[0-9a-z]+_secret_\w+")),
)
# Names repeat from request to request.
_KNOWN_NAMES: Final = 4096


def redact(text: str) -> str:
    """Return JSON text without the values of sensitive names, and without credentials."""
    text = _PROPERTY.sub(_cover, text)
    for hint, expression in _ANYWHERE:
        if hint in text:
            text = expression.sub(REDACTED, text)
    return text


def _cover(found: re.Match[str]) -> str:
    name = found[1]
    return f'"{name}"{found[2]}"{REDACTED}"' if _is_sensitive(name) else found[0]


@lru_cache(_KNOWN_NAMES)
def _is_sensitive(name: str) -> bool:
    return _NAME.fullmatch(name) is not None
