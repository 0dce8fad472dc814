"""The one-time codes of the demo's staff: `make code` spares a visitor the authenticator app."""

import base64
import hashlib
import hmac
import sys
import time

from demo.running import read_description
from demo.screen import columns

_STEP_SECONDS = 30
_DIGITS = 6


def one_time_code(secret: str, *, at: float) -> str:
    """Return the code of a base-32 secret at a unix time. Source: RFC 6238, RFC 4226."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    counter = int(at // _STEP_SECONDS).to_bytes(8, "big")
    digest = hmac.digest(key, counter, hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def main() -> int:
    """Print the codes that are valid now."""
    staff = read_description()["staff"]
    now = time.time()
    rows = [
        (s["role"], s["email"], s["password"], one_time_code(s["totp_secret"], at=now))
        for s in staff
    ]
    print("\n".join(columns(rows)))
    print(f"valid for {_STEP_SECONDS - int(now) % _STEP_SECONDS} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
