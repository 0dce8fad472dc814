"""What the theme asks for: the label of the environment, the style sheet, the script."""

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static


def environment_label(_request: HttpRequest) -> list[str]:
    """Return the chip in the header: whose money is at stake here."""
    return ["Live", "danger"] if settings.LIVE_MODE else ["Sandbox", "warning"]


def stylesheet(_request: HttpRequest) -> str:
    return static("backoffice/backoffice.css")


def favicon(_request: HttpRequest) -> str:
    return static("backoffice/favicon.svg")


def script(_request: HttpRequest) -> str:
    return static("backoffice/backoffice.js")
