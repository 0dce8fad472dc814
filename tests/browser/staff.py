"""Staff in front of a browser: how they log in, where they go, and pictures of what they see."""

import base64
import os
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from django_otp.oath import totp
from PIL import Image
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from apps.backoffice.services import create_staff

PASSWORD = "correct horse battery"
# Set to keep the pictures that the documentation shows.
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
PALETTE = 128


def log_in(page: Page, base: str, *, role: str) -> None:
    """Give both factors, as a person with a phone does; a superuser has the role of an admin."""
    is_superuser = role == "superuser"
    user, secret = create_staff(
        email=f"{role}@shop.example", role="admin" if is_superuser else role, password=PASSWORD
    )
    user.is_superuser = is_superuser
    user.save(update_fields=["is_superuser"])
    page.goto(f"{base}/admin/")
    picture(page, "log-in")
    page.fill("input[name=username]", f"{role}@shop.example")
    page.fill("input[name=password]", PASSWORD)
    with page.expect_navigation():
        page.click("#login-form button[type=submit]")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    picture(page, "second-factor")
    page.fill("input[name=code]", code_of(secret))
    with page.expect_navigation():
        page.click("#second-factor-form button[type=submit]")


def code_of(secret: str) -> str:
    """Return the six digits that an authenticator app shows for this secret."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return f"{totp(key):06d}"


def picture(page: Page, name: str, *, full: bool = False) -> None:
    """Keep a picture when somebody asked for them."""
    if SCREENSHOTS:
        Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        page.wait_for_load_state()
        taken = Image.open(BytesIO(page.screenshot(full_page=full, animations="disabled")))
        # A page has few colours: a palette makes a third of the file out of it.
        small = taken.convert("RGB").quantize(PALETTE)
        small.save(Path(SCREENSHOTS) / f"{name}.png", optimize=True)


def visit(page: Page, path: str) -> None:
    """Go to another page of the back-office."""
    page.goto(f"{page.url.partition('/admin/')[0]}/admin/{path}")


def complaint_of(said: ConsoleMessage) -> list[str]:
    """Return an error on the console; a refused form answers 422 by design, and is none."""
    is_complaint = said.type == "error" and "status of 422" not in said.text
    return [said.text] if is_complaint else []


def stranger_of(request: Request, host: str) -> list[str]:
    """Return the address when another host is asked."""
    asked = urlsplit(request.url)
    return [] if asked.netloc == host or asked.scheme in {"data", "blob"} else [request.url]
