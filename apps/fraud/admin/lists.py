"""Value lists in the back-office: found by a value, longer or shorter by one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    link,
    mode_chip,
    moment,
    person,
    stacked,
    words,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.common.origin import Origin, Scope, scope_of
from apps.fraud.models import ValueList, ValueListItem
from apps.fraud.policies import (
    ALLOWLIST_ENDING,
    BLOCKLIST_ENDING,
    FACT_OF_LIST,
    makes_stricter,
)
from apps.fraud.services.list_changes import put_value, take_value
from apps.fraud.services.lists import create_list
from apps.fraud.states import ItemType

_VALUES_SHOWN: Final = 25
_LIFETIMES: Final = [
    ("", "For good"),
    ("1", "1 day"),
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
]
# Values are addresses, cards and people.
_SEE_VALUES: Final = "backoffice.view_pii"
_AT_ONCE: Final = "It acts within two seconds."
_BY_TWO: Final = "It takes effect once a second person has agreed."


class NewListForm(DialogForm):
    """What a list is called, and of what it is."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    livemode = forms.BooleanField(required=False, label="Live mode: real money")
    name = forms.CharField(max_length=100)
    alias = forms.RegexField(
        r"^[a-z0-9_]+$",
        max_length=100,
        help_text="By this rules ask for it. One that ends in _blocklist or _allowlist acts by"
        " itself.",
    )
    item_type = forms.ChoiceField(
        label="Values", choices=lambda: [(each, words(each)) for each in ItemType.values]
    )


class NewListDialog(Dialog):
    """Make an empty list."""

    name = "new-list"
    label = "New list…"
    permission = "fraud.change_valuelist"
    form_class = NewListForm
    submit = "Make the list"

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Make it."""
        made = create_list(
            scope=Scope(answers["merchant"], answers["livemode"]),
            alias=answers["alias"],
            name=answers["name"],
            item_type=answers["item_type"],
            metadata={},
            origin=origin,
            now=now,
        )
        return Outcome(
            message="The list {alias} is made.", facts={"alias": made.alias}, object_id=made.id
        )


class PutForm(ReasonForm):
    """A value, and for how long."""

    value = forms.CharField(max_length=800)
    days = forms.ChoiceField(label="Kept", choices=_LIFETIMES, required=False)
    field_order = ("nonce", "value", "days", "reason")


class PutDialog(Dialog):
    """Put a value on a list."""

    subject: ValueList
    name = "put"
    label = "Put a value on it…"
    permission = "fraud.change_valuelist"
    form_class = PutForm
    submit = "Put it on the list"

    def explanation(self) -> str:
        """Say when it acts."""
        return _AT_ONCE if makes_stricter(self.subject.alias, is_added=True) else _BY_TWO

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the list is."""
        return [
            ("Values", words(str(self.subject.item_type))),
            ("What it does", effect_of(self.subject)),
        ]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Put it there, or ask; the value itself, which may be an address, is not repeated."""
        days = answers["days"]
        item, approval = put_value(
            scope=scope_of(self.subject),
            list_id=self.subject.id,
            value=answers["value"],
            reason=answers["reason"],
            expires_at=now + timedelta(days=int(days)) if days else None,
            origin=origin,
            now=now,
        )
        if approval is not None:
            return Outcome(
                message="Asked: {request} waits for a second person.",
                facts={"request": approval.id},
            )
        return Outcome(message="It is on the list ({item}).", facts={"item": item.id})


class TakeDialog(Dialog):
    """Take a value off its list."""

    subject: ValueListItem
    name = "take"
    label = "Take off the list…"
    permission = "fraud.change_valuelist"
    form_class = ReasonForm
    submit = "Take it off"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether it is on the list, not only to be."""
        return not self.subject.waits

    def explanation(self) -> str:
        """Say when it acts."""
        alias = self.subject.value_list.alias
        return _AT_ONCE if makes_stricter(alias, is_added=False) else _BY_TWO

    def look(self) -> Mapping[str, Any]:
        """Return whether it is there."""
        return {"is_listed": ValueListItem.objects.filter(pk=self.subject.pk).exists()}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Take it off, or ask."""
        found = self.subject.value_list
        approval = take_value(
            scope=scope_of(found),
            item_id=self.subject.id,
            reason=answers["reason"],
            origin=origin,
            now=now,
        )
        if approval is None:
            return Outcome(message="It is off the list.", is_gone=True)
        return Outcome(
            message="Asked: {request} waits for a second person.", facts={"request": approval.id}
        )


@admin.register(ValueList)
class ValueListAdmin(ObjectAdmin):
    """Lists of what is blocked, let through, or asked for by rules."""

    search_help_text = "Alias or id of the list"
    list_display = ("what", "holds", "effect", "mode", "at")
    list_filter = ("livemode",)
    dialogs = (PutDialog,)
    list_dialogs = (NewListDialog,)

    @admin.display(description="List")
    def what(self, row: ValueList) -> SafeString:
        """Return name and alias."""
        return stacked(row.name, row.alias)

    @admin.display(description="Values")
    def holds(self, row: ValueList) -> str:
        """Return what the values are."""
        return words(str(row.item_type))

    @admin.display(description="What it does")
    def effect(self, row: ValueList) -> Text:
        """Return whether it acts by itself."""
        return effect_of(row)

    @admin.display(description="Mode")
    def mode(self, row: ValueList) -> SafeString:
        """Return whose payments it is about."""
        return mode_chip(livemode=row.livemode)

    @admin.display(description="Created")
    def at(self, row: ValueList) -> Text:
        """Return since when it exists."""
        return moment(row.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by id or alias."""
        return Q(pk=term) | Q(alias=term)

    def page(self, request: HttpRequest, obj: ValueList) -> Page:
        """Return the list with its newest values."""
        may_see = request.user.has_perm(_SEE_VALUES)
        values = reverse("admin:fraud_valuelistitem_changelist")
        return Page(
            heading=obj.name,
            chips=(self.mode(obj),),
            subtitle=identifier(obj.id),
            main=(_values(obj),) if may_see else (),
            side=(
                Facts(
                    "Details",
                    [
                        ("Alias", obj.alias),
                        ("Values", words(str(obj.item_type))),
                        ("What it does", effect_of(obj)),
                        ("Find one", link(f"{values}?value_list__exact={obj.id}", "All values")),
                        ("Created", moment(obj.created_at)),
                        ("Made by", obj.created_by),
                    ],
                ),
            ),
        )


@admin.register(ValueListItem)
class ValueListItemAdmin(ObjectAdmin):
    """The values of all lists; a value is found on every list that holds it."""

    search_help_text = "The value, or its id"
    list_display = ("what", "where", "state", "why", "until", "by", "at")
    list_filter = (created_filter("rsli"),)
    list_select_related = ("value_list",)
    tabs = (("All", ""), ("Waiting", "waits__exact=1"))
    dialogs = (TakeDialog,)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this person may see people, too."""
        return bool(super().has_view_permission(request, obj)) and request.user.has_perm(
            _SEE_VALUES
        )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let the page of a list ask for its values, and the tab for those that wait."""
        return lookup in {"value_list__exact", "waits__exact"} or bool(
            super().lookup_allowed(lookup, value, request)
        )

    @admin.display(description="Value")
    def what(self, item: ValueListItem) -> SafeString:
        """Return value and id."""
        return stacked(item.value[:80], item.id)

    @admin.display(description="List")
    def where(self, item: ValueListItem) -> SafeString:
        """Return on which list it is."""
        mode = words("live" if item.value_list.livemode else "test")
        return stacked(item.value_list.alias, mode)

    @admin.display(description="Status")
    def state(self, item: ValueListItem) -> SafeString:
        """Return whether it acts."""
        return _item_chip(item)

    @admin.display(description="Reason")
    def why(self, item: ValueListItem) -> str:
        """Return why it is there."""
        return item.reason[:60] or NOTHING

    @admin.display(description="Kept until")
    def until(self, item: ValueListItem) -> Text:
        """Return until when it acts."""
        return moment(item.expires_at)

    @admin.display(description="Put there by")
    def by(self, item: ValueListItem) -> str:
        """Return who put it there."""
        return person(item.created_by)

    @admin.display(description="Created")
    def at(self, item: ValueListItem) -> Text:
        """Return since when it is there."""
        return moment(item.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by id or value, as lists keep it: in lower case, unless case matters."""
        return Q(pk=term) | Q(value__in=[term, term.lower()])

    def page(self, _request: HttpRequest, obj: ValueListItem) -> Page:
        """Return one value."""
        return Page(
            heading=obj.value,
            chips=(_item_chip(obj),),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "Details",
                    [
                        ("List", stacked(obj.value_list.name, identifier(obj.value_list_id))),
                        ("What it does", effect_of(obj.value_list)),
                        ("Reason", obj.reason or NOTHING),
                        ("Kept until", moment(obj.expires_at)),
                        ("Put there by", person(obj.created_by)),
                        ("Created", moment(obj.created_at)),
                    ],
                ),
            ),
        )


def effect_of(row: ValueList) -> SafeString:
    """Return what a list does by itself."""
    if row.item_type in FACT_OF_LIST and row.alias.endswith(BLOCKLIST_ENDING):
        return chip(words("blocks"), Tone.BAD)
    if row.item_type in FACT_OF_LIST and row.alias.endswith(ALLOWLIST_ENDING):
        return chip(words("lets_through"), Tone.GOOD)
    return chip(words("asked_for_by_rules"))


def _values(row: ValueList) -> Table:
    newest = row.items.order_by("-pk")[:_VALUES_SHOWN]
    return Table(
        "Newest values",
        ("Value", "Status", "Reason", "Kept until", "Put there by"),
        [
            (
                stacked(item.value[:80], identifier(item.id)),
                _item_chip(item),
                item.reason[:60] or NOTHING,
                moment(item.expires_at),
                person(item.created_by),
            )
            for item in newest
        ],
        empty="No value yet.",
    )


def _item_chip(item: ValueListItem) -> SafeString:
    if item.waits:
        return chip(words("waiting"), Tone.WARNING)
    if item.expires_at is not None and item.expires_at <= timezone.now():
        return chip(words("expired"))
    return chip(words("acts"), Tone.GOOD)
