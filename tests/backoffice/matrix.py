"""
The committed table of who gets what answer: every address of the back-office, method and person.

`make matrix` writes matrix.csv anew; a test compares it with what the pages answer.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver

from apps.backoffice.kit.objects import ObjectAdmin

TABLE: Final = Path(__file__).with_name("matrix.csv")
# Methods that ought to be answered alike share a line; `GET*` stands for a HEAD as well. Those whom
# most is open to, and nothing, are asked with all of them, everybody else with the first: no view
# looks at the method before it looks at the person.
METHODS: Final = {"GET*": ("GET", "HEAD"), "POST": ("POST",), "PUT*": ("PUT", "PATCH", "DELETE")}

# (address, methods) -> status.
Answers = dict[tuple[str, str], str]
# (address as the table shows it, address to ask for).
Address = tuple[str, str]

_ID: Final = "<id>"
_APPS: Final = "<app>/"


def addresses(rows: Mapping[str, Any]) -> Iterator[Address]:
    """Return every address of the admin site; `rows` has, by model, the object to ask for."""
    for route in _routes(admin.site.urls[0], "/admin/"):
        screen = next((each for each in screens() if route.startswith(_folder(each))), None)
        if screen is not None:
            yield from _of_screen(route, screen, str(rows[screen.opts.model_name].pk))
        elif "app_label" in route:
            yield f"/admin/{_APPS}", "/admin/payments/"
        elif "<url>" in route:
            yield "/admin/<anything else>", "/admin/nothing"
        else:
            yield route, route


def screens() -> list[ObjectAdmin]:
    """Return all screens."""
    return [screen for screen in admin.site._registry.values() if isinstance(screen, ObjectAdmin)]


def _folder(screen: ObjectAdmin) -> str:
    return f"/admin/{screen.opts.app_label}/{screen.opts.model_name}/"


def _of_screen(route: str, screen: ObjectAdmin, pk: str) -> Iterator[Address]:
    """Return the addresses behind one route of a screen: one for each of its dialogs."""
    kinds = screen.dialogs if "object_id" in route else screen.list_dialog_kinds()
    names = [kind.name for kind in kinds] if "dialog>" in route else [""]
    for name in names:
        shown = route.replace("<slug:dialog>", name)
        for converter in ("<path:object_id>", "<slug:object_id>"):
            shown = shown.replace(converter, _ID)
        yield shown, shown.replace(_ID, pk)


def _routes(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def ask_everything(client: Client, rows: Mapping[str, Any], *, with_all_methods: bool) -> Answers:
    """Return what this person is answered everywhere; nothing that happens on the way stays."""
    cookies = {name: cookie.value for name, cookie in client.cookies.items()}
    answers: Answers = {}
    for shown, url in addresses(rows):
        for name, methods in METHODS.items():
            statuses = []
            for method in methods if with_all_methods else methods[:1]:
                client.cookies.clear()
                client.cookies.load(cookies)
                with transaction.atomic():
                    statuses.append(str(client.generic(method, url).status_code))
                    transaction.set_rollback(True)
            answers[shown, name] = " ".join(dict.fromkeys(statuses))
    return answers


def read_table() -> dict[str, Answers]:
    """Return the committed table: person -> answers."""
    with TABLE.open(newline="") as file:
        reader = csv.DictReader(file)
        lines = list(reader)
    people = [name for name in reader.fieldnames or () if name not in {"address", "methods"}]
    return {
        person: {(line["address"], line["methods"]): line[person] for line in lines}
        for person in people
    }


def write_table(table: Mapping[str, Answers]) -> None:
    """Write the table: a line per address and methods, a column per person."""
    keys = sorted({key for answers in table.values() for key in answers})
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["address", "methods", *table])
        for key in keys:
            writer.writerow([*key, *(answers.get(key, "") for answers in table.values())])
