"""
Filters that an index answers, and filters that read rows.

Those of the second kind say `reads_rows`: a page of the list then reads a stretch of rows at a time
(`lists.ROWS_LOOKED_AT`), so that what is rare or not there at all never reads the whole table.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any, ClassVar, Final

from django import forms
from django.conf import settings
from django.contrib.admin import ChoicesFieldListFilter, ListFilter, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from apps.common.ids import first_id
from apps.common.money import CURRENCIES, exponent

_DAYS: Final = {"1": "Today", "7": "Last 7 days", "30": "Last 30 days", "365": "Last year"}
# More than any amount has.
_DIGITS: Final = 15
# Currencies by their number of decimals: 10.50 is another number of minor units in each group.
_BY_DECIMALS: Final = {
    decimals: sorted(code for code in CURRENCIES if exponent(code) == decimals)
    for decimals in (0, 2, 3)
}


class ModeFilter(SimpleListFilter):
    """
    Live or test; every list whose rows have both columns gets it for its `livemode`.

    The indexes begin with the merchant: naming all of them lets PostgreSQL find the few test
    payments among millions of live ones.
    """

    title = "mode"
    parameter_name = "livemode__exact"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("1", "Live"), ("0", "Test")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the mode that was chosen; something else chooses nothing."""
        if self.value() not in {"0", "1"}:
            return queryset
        merchants = import_string(settings.BACKOFFICE_MERCHANTS)()
        return queryset.filter(merchant_id__in=merchants, livemode=self.value() == "1")


class RowFilter(SimpleListFilter):
    """A choice that no index answers."""

    reads_rows = True

    @property
    def is_used(self) -> bool:
        """Return whether something was chosen."""
        return bool(self.value())


class RowChoices(ChoicesFieldListFilter):
    """The choices of a column that no index holds: `("capture_method", RowChoices)`."""

    reads_rows = True

    @property
    def is_used(self) -> bool:
        """Return whether something was chosen."""
        return bool(self.used_parameters)


class ValuesFilter(RowFilter):
    """
    The values of a column of texts, which are known and not looked for in its rows.

    Made by `values_filter`.
    """

    column: ClassVar[str]
    values: ClassVar[Callable[[], Iterable[str]]]
    in_words: ClassVar[Callable[[str], str]]

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the values."""
        return [(value, type(self).in_words(value)) for value in type(self).values()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with the value that was chosen."""
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class FormFilter(ListFilter):
    """
    A filter with fields to fill in: a range, or more choices than a list of links can hold.

    The names of the fields are those of the address. What cannot be read narrows nothing, and the
    field says so.
    """

    form_class: ClassVar[type[forms.Form]]
    reads_rows = False

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if name in params:
                self.used_parameters[str(name)] = params.pop(name)[-1]
        self.form = self.form_class(self.used_parameters or None)

    @property
    def is_used(self) -> bool:
        """Return whether a field is filled in."""
        return any(self.used_parameters.values())

    def narrow(self, queryset: QuerySet[Any], asked: Mapping[str, Any]) -> QuerySet[Any]:
        """Return the rows that were asked for; a field left empty asks for nothing."""
        raise NotImplementedError

    def has_output(self) -> bool:
        """Stand beside every list."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """Return the names of the fields."""
        return list(self.form_class.base_fields)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the choice of everything, with the form and what its address has to keep."""
        own = self.expected_parameters()
        others = changelist.filters_to_keep(self.request)
        yield {
            "selected": not self.is_used,
            "query_string": changelist.get_query_string(remove=own),
            "display": gettext("All"),
            "form": self.form,
            "kept": [(name, value) for name, value in others if name not in own],
        }

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that were asked for."""
        if not self.form.is_valid():
            return queryset
        return self.narrow(queryset, self.form.cleaned_data)


class _DaysForm(forms.Form):
    created_since = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    created_until = forms.DateField(
        label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class CreatedFilter(FormFilter):
    """
    Rows of some days (UTC), by their ids, which sort by time: no column of dates needs an index.

    Made by `created_filter`, which knows the prefix of the ids.
    """

    title = "created"
    form_class = _DaysForm
    prefix: ClassVar[str]

    def expected_parameters(self) -> list[str | None]:
        """Return the names of both ways to choose days."""
        return ["created", *super().expected_parameters()]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield everything with the form for two days, and the days before now."""
        yield from super().choices(changelist)
        for days, label in _DAYS.items():
            yield {
                "selected": self.used_parameters.get("created") == days,
                "query_string": changelist.get_query_string({"created": days}, remove=["created_"]),
                "display": gettext(label),
            }

    def narrow(self, queryset: QuerySet[Any], asked: Mapping[str, Any]) -> QuerySet[Any]:
        """Return the rows of the days that were chosen; something else chooses nothing."""
        chosen = self.used_parameters.get("created")
        if chosen in _DAYS:
            queryset = queryset.filter(pk__gte=self._first(_days_ago(int(chosen) - 1)))
        if asked["created_since"]:
            queryset = queryset.filter(pk__gte=self._first(_midnight(asked["created_since"])))
        if asked["created_until"]:
            end = _midnight(asked["created_until"]) + timedelta(days=1)
            queryset = queryset.filter(pk__lt=self._first(end))
        return queryset

    def _first(self, moment: datetime) -> str:
        return first_id(self.prefix, moment)


def _currencies() -> list[tuple[str, str]]:
    return [("", gettext("All")), *((code, code) for code in sorted(CURRENCIES))]


class _AmountForm(forms.Form):
    amount_currency = forms.ChoiceField(label="Currency", required=False, choices=_currencies)
    amount_from = forms.DecimalField(
        label="At least", required=False, min_value=0, max_digits=_DIGITS, decimal_places=3
    )
    amount_to = forms.DecimalField(
        label="At most", required=False, min_value=0, max_digits=_DIGITS, decimal_places=3
    )


class AmountFilter(FormFilter):
    """
    Rows by `amount` and `currency`; limits are major units, in each currency's own decimals.

    Without a currency 10 is 10.00 EUR and 10 JPY alike.
    """

    title = "amount"
    form_class = _AmountForm
    reads_rows = True

    def narrow(self, queryset: QuerySet[Any], asked: Mapping[str, Any]) -> QuerySet[Any]:
        """Return the rows within the limits."""
        currency, least, most = (
            asked[name] for name in ("amount_currency", "amount_from", "amount_to")
        )
        if currency:
            queryset = queryset.filter(currency=currency)
        if least is None and most is None:
            return queryset
        if currency:
            return queryset.filter(_between(least, most, exponent(currency)))
        within = Q()
        for decimals, currencies in _BY_DECIMALS.items():
            within |= Q(currency__in=currencies) & _between(least, most, decimals)
        return queryset.filter(within)


class _CurrencyForm(forms.Form):
    currency = forms.ChoiceField(label="Currency", required=False, choices=_currencies)


class CurrencyFilter(FormFilter):
    """Rows by `currency`."""

    title = "currency"
    form_class = _CurrencyForm
    reads_rows = True

    def narrow(self, queryset: QuerySet[Any], asked: Mapping[str, Any]) -> QuerySet[Any]:
        """Return the rows of the currency."""
        return queryset.filter(currency=asked["currency"]) if asked["currency"] else queryset


class AssigneeFilter(SimpleListFilter):
    """Whose work a case is; for models whose `case` has an `assignee`."""

    title = "assigned to"
    parameter_name = "assignee"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("me", "Me"), ("nobody", "Nobody"), ("others", "Others")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the cases of the choice; something else chooses nothing."""
        mine = Q(case__assignee=request.user.pk)
        match self.value():
            case "me":
                return queryset.filter(mine)
            case "nobody":
                return queryset.filter(case__assignee=None)
            case "others":
                return queryset.exclude(case__assignee=None).exclude(mine)
        return queryset


def values_filter(
    column: str,
    values: Callable[[], Iterable[str]],
    *,
    title: str = "",
    in_words: Callable[[str], str] = str,
) -> type[ValuesFilter]:
    """Return the filter for a column with these values; `in_words` is how people say one."""
    facts = {
        "title": title or column.replace("_", " "),
        "parameter_name": column,
        "column": column,
        "values": staticmethod(values),
        "in_words": staticmethod(in_words),
    }
    return type(f"ValuesFilterOf{column.title()}", (ValuesFilter,), facts)


def created_filter(prefix: str) -> type[CreatedFilter]:
    """Return the filter for a model whose ids begin with `prefix`."""
    return type(f"CreatedFilterOf{prefix.title()}", (CreatedFilter,), {"prefix": prefix})


def _days_ago(days: int) -> datetime:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _between(least: Decimal | None, most: Decimal | None, decimals: int) -> Q:
    """Return the condition for amounts of currencies with as many decimals."""
    within = Q()
    if least is not None:
        within &= Q(amount__gte=ceil(least.scaleb(decimals)))
    if most is not None:
        within &= Q(amount__lte=floor(most.scaleb(decimals)))
    return within
