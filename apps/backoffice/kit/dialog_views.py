"""How dialogs are offered, opened and sent."""

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.kit.dialogs import CodeField, Dialog, DialogForm, Place
from apps.backoffice.kit.lists import PAGE_NAMES
from apps.backoffice.policies import is_factor_fresh
from apps.backoffice.services.dialogs import (
    Actor,
    Deed,
    Outcome,
    find_outcome,
    nonce_for,
    run_dialog,
)
from apps.backoffice.services.sessions import refresh_factor
from apps.common.addresses import client_address
from apps.common.errors import DomainError
from apps.common.ids import new_id

# Names a ticked row in the address of a dialog.
PICK: Final = "pick"


class DialogViews:
    """The part of a screen that does things: `dialogs` to an object, `list_dialogs` to the list."""

    dialogs: Sequence[type[Dialog]] = ()
    list_dialogs: ClassVar[Sequence[type[Dialog]]] = ()

    opts: Any
    admin_site: Any

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this person may see the screen."""
        raise NotImplementedError

    def _get(self, request: HttpRequest, object_id: str) -> Any:
        raise NotImplementedError

    def list_dialog_kinds(self) -> Sequence[type[Dialog]]:
        """Return what may be done to the list as a whole."""
        return self.list_dialogs

    def offers(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Return the dialogs that this person may open now, with their addresses."""
        place = self._place(request)
        kinds = self.list_dialog_kinds() if obj is None else self.dialogs
        allowed = [kind for kind in kinds if kind.is_allowed(request.user)]
        offered = [kind(obj, user=request.user, place=place) for kind in allowed]
        return [
            {"dialog": dialog, "url": self._dialog_url(dialog)}
            for dialog in offered
            if dialog.is_offered()
        ]

    def _place(self, request: Any) -> Place:
        query = request.GET.copy()
        for name in (*PAGE_NAMES, PICK):
            query.pop(name, None)
        return Place(
            screen=str(self.opts.label_lower),
            query=query.urlencode(),
            session_id=request.staff_session.pk,
            picks=request.GET.getlist(PICK),
        )

    def dialog_view(
        self, request: HttpRequest, dialog: str, object_id: str = ""
    ) -> HttpResponseBase:
        """Open a dialog by GET, do what it says by POST."""
        obj = self._get(request, object_id) if object_id else None
        kinds = self.dialogs if object_id else self.list_dialog_kinds()
        kind = next((kind for kind in kinds if kind.name == dialog), None)
        if kind is None:
            raise Http404
        if not (self.has_view_permission(request) and kind.is_allowed(request.user)):
            raise PermissionDenied
        opened = kind(obj, user=request.user, place=self._place(request))
        if request.method != "POST":
            return self._show_dialog(request, opened, self._form(request, opened))
        earlier = find_outcome(
            nonce=request.POST.get("nonce", ""),
            actor=_actor_of(request),
            deed=self._deed(opened),
        )
        if earlier is not None:
            return self._tell(request, opened, earlier)
        form = self._form(request, opened, request.POST)
        if not (form.is_valid() and self._is_factor_fresh(request, form)):
            return self._show_dialog(request, opened, form, status=422)
        return self._send_dialog(request, opened, form)

    def _form(self, request: Any, dialog: Dialog, data: Any = None) -> DialogForm:
        form = dialog.form_class(data, subject=dialog.subject)
        form.files = request.FILES
        form.initial.update(dialog.initial())
        if dialog.subject is not None and data is None:
            form.initial["nonce"] = nonce_for(self._deed(dialog))
        dialog.prepare(form)
        now = timezone.now()
        if dialog.needs_fresh_factor and not is_factor_fresh(
            request.staff_session.factor_at, now=now
        ):
            form.fields["code"] = CodeField()
        return form

    def _is_factor_fresh(self, request: Any, form: DialogForm) -> bool:
        """Take the code that the form asked for, last of all: a code works once."""
        code = form.cleaned_data.get("code")
        if code is None:
            return True
        now = timezone.now()
        session = request.staff_session
        if not refresh_factor(session=session, user=request.user, code=code, now=now):
            form.add_error("code", "This code is wrong, was used before, or came too soon.")
            return False
        session.factor_at = now
        return True

    def _deed(self, dialog: Dialog, reason: str = "") -> Deed:
        return Deed(
            action=f"{self.opts.model_name}.{dialog.name}",
            object_type=str(self.opts.model_name),
            object_id=str(dialog.subject.pk) if dialog.subject else "",
            reason=reason,
        )

    def _send_dialog(
        self, request: HttpRequest, dialog: Dialog, form: DialogForm
    ) -> HttpResponseBase:
        now = timezone.now()
        try:
            outcome = run_dialog(
                nonce=form.cleaned_data["nonce"],
                actor=_actor_of(request),
                deed=self._deed(dialog, form.cleaned_data.get("reason", "")),
                look=dialog.look,
                work=lambda origin: dialog.work(form.cleaned_data, origin=origin, now=now),
                now=now,
            )
        except DomainError as refusal:
            outcome = Outcome(message=refusal.message, succeeded=False)
        return self._tell(request, dialog, outcome)

    def _tell(self, request: HttpRequest, dialog: Dialog, outcome: Outcome) -> HttpResponseBase:
        """Answer with what came of it; a refused form may be mended and sent again."""
        if not outcome.succeeded:
            # What the form offers may have changed meanwhile: that is often why it was refused.
            if dialog.subject is not None:
                dialog.subject = self._get(request, dialog.subject.pk)
            again = self._form(request, dialog, _with_fresh_nonce(request))
            again.is_valid()
            again.add_error(None, outcome.in_words)
            return self._show_dialog(request, dialog, again, status=422)
        if outcome.file is not None:
            return FileResponse(outcome.file, as_attachment=True, filename=outcome.file_name)
        if outcome.secret:
            return self._show_secret(request, dialog, outcome)
        messages.success(request, outcome.in_words)
        return HttpResponseRedirect(self._home_url(dialog, is_gone=outcome.is_gone))

    def _show_dialog(
        self, request: HttpRequest, dialog: Dialog, form: DialogForm, *, status: int = 200
    ) -> HttpResponse:
        is_fragment = request.headers.get("X-Dialog") == "1"
        context = {
            "opts": self.opts,
            "title": dialog.label,
            "dialog": dialog,
            "form": form,
            "action_url": self._dialog_url(dialog),
            "home_url": self._home_url(dialog),
        }
        if not is_fragment:
            context.update(self.admin_site.each_context(request))
        template = "dialog_form.html" if is_fragment else "dialog.html"
        return TemplateResponse(request, f"admin/backoffice/{template}", context, status=status)

    def _show_secret(self, request: HttpRequest, dialog: Dialog, outcome: Outcome) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": dialog.label,
            "outcome": outcome,
            "home_url": self._home_url(dialog),
        }
        return TemplateResponse(request, "admin/backoffice/secret.html", context)

    def _dialog_url(self, dialog: Dialog) -> str:
        if dialog.subject is None:
            url = reverse(f"{self._url_name}_list_dialog", args=[dialog.name])
            return _with_query(url, dialog.place.query)
        return reverse(f"{self._url_name}_dialog", args=[dialog.subject.pk, dialog.name])

    def _home_url(self, dialog: Dialog, *, is_gone: bool = False) -> str:
        if dialog.subject is None:
            return _with_query(reverse(f"{self._url_name}_changelist"), dialog.place.query)
        if is_gone:
            return reverse(f"{self._url_name}_changelist")
        return reverse(f"{self._url_name}_change", args=[dialog.subject.pk])

    @property
    def _url_name(self) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}"


def _with_query(url: str, query: str) -> str:
    return f"{url}?{query}" if query else url


def _with_fresh_nonce(request: HttpRequest) -> Any:
    """Return what was typed with another nonce: the refused one has been used up."""
    data = request.POST.copy()
    data["nonce"] = str(uuid.uuid4())
    return data


def _actor_of(request: HttpRequest) -> Actor:
    user: Any = request.user
    return Actor(
        name=user.actor,
        roles=sorted(user.groups.values_list("name", flat=True)),
        ip=client_address(request),
        request_id=new_id("req"),
    )
