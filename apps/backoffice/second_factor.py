"""
The page between the password and the back-office: six digits, or a first enrolment.

Opening it changes nothing: the key of an enrolment travels signed in the form until its first code
proves that the person's app has it.
"""

from io import BytesIO
from typing import Any, Final

import django_otp
import segno
from django import forms
from django.conf import settings
from django.contrib.auth import logout
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from apps.backoffice.middleware import SESSION_KEY
from apps.backoffice.models import User
from apps.backoffice.services.second_factor import (
    check_second_factor,
    enrol_second_factor,
    has_second_factor,
    new_totp_key,
    totp_address,
)
from apps.backoffice.services.sessions import open_session
from apps.common.addresses import client_address

# Time to install an app and scan the code.
ENROLMENT_SECONDS: Final = 1800
_SALT: Final = "backoffice.second_factor"


class CodeForm(forms.Form):
    """Six digits of the app, or a recovery code; `key` is there while somebody enrols."""

    code = forms.CharField(
        max_length=30,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "class": "bo-input bo-code",
                "spellcheck": "false",
            }
        ),
    )
    key = forms.CharField(required=False, widget=forms.HiddenInput)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@csrf_protect
def ask(request: HttpRequest) -> HttpResponse:
    """Check the second factor of somebody who gave their password, or let them enrol one."""
    user: Any = request.user
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return redirect("admin:login")
    if user.is_verified():
        return redirect(_destination(request))
    if request.method == "POST" and "leave" in request.POST:
        logout(request)
        return redirect("admin:login")
    if has_second_factor(user):
        return _check(request, user)
    return _enrol(request, user)


def _check(request: HttpRequest, user: User) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if form.is_valid():
        device = check_second_factor(user=user, code=form.cleaned_data["code"])
        if device is not None:
            return _enter(request, device)
        form.add_error("code", "This code is wrong, was used before, or came too soon.")
    return _show(request, form, {"title": "Second factor"})


def _enrol(request: HttpRequest, user: User) -> HttpResponse:
    form = CodeForm(request.POST or None)
    key = _signed_key(form, user)
    if key and form.is_valid():
        enrolled = enrol_second_factor(user=user, key=key, code=form.cleaned_data["code"])
        if enrolled is not None:
            device, codes = enrolled
            _enter(request, device)
            return _show(
                request, form, {"title": "Recovery codes", "codes": codes}, template="codes"
            )
        form.add_error("code", "This code is wrong: does the app show the time of this computer?")
    key = key or new_totp_key()
    address = totp_address(user, key)
    context = {
        "title": "Protect your log-in",
        "enrolment": signing.dumps([user.pk, key], salt=_SALT),
        "qr_code": _qr_code(address),
        "secret": address.partition("secret=")[2].partition("&")[0],
    }
    return _show(request, form, context)


def _signed_key(form: CodeForm, user: User) -> str:
    """Return the key that an earlier answer of ours offered to this person."""
    try:
        owner, key = signing.loads(form.data.get("key", ""), salt=_SALT, max_age=ENROLMENT_SECONDS)
    except signing.BadSignature:
        return ""
    return str(key) if owner == user.pk else ""


def _qr_code(address: str) -> str:
    out = BytesIO()
    segno.make(address).save(out, kind="svg", scale=5, border=2, xmldecl=False, dark="#111827")
    return mark_safe(out.getvalue().decode())  # noqa: S308 - drawn here from our own address


def _enter(request: HttpRequest, device: Any) -> HttpResponse:
    # A session that was known before the second factor is worth nothing after it.
    request.session.cycle_key()
    django_otp.login(request, device)
    opened = open_session(
        user=device.user,
        ip=client_address(request),
        browser=request.headers.get("User-Agent", ""),
        now=timezone.now(),
    )
    request.session[SESSION_KEY] = opened.id
    return redirect(_destination(request))


def _destination(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return reverse(settings.LOGIN_REDIRECT_URL)


def _show(
    request: HttpRequest, form: CodeForm, context: dict[str, Any], *, template: str = "ask"
) -> HttpResponse:
    from django.contrib import admin  # noqa: PLC0415 - the site imports this module

    return TemplateResponse(
        request,
        f"admin/backoffice/second_factor_{template}.html",
        {
            **admin.site.each_context(request),
            "form": form,
            "home": _destination(request),
            **context,
        },
    )
