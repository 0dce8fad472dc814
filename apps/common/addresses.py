"""Where a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the client's address, counting back over the proxies which we run ourselves."""
    proxies: int = settings.TRUSTED_PROXY_COUNT
    if not proxies:
        return str(request.META.get("REMOTE_ADDR", ""))
    hops = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    return hops[-proxies].strip() if len(hops) >= proxies else ""
