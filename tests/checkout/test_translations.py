"""The catalogues: complete, with the same placeholders, and compiled as they stand."""

import re
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from apps.checkout.display import LANGUAGES, show_interval

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = [*(ROOT / "templates" / "checkout").glob("*.html"), ROOT / "templates/returned.html"]
PLACEHOLDER = re.compile(r"%\(\w+\)s")
TRANSLATE = re.compile(r'{% translate "([^"]+)" %}')


@pytest.fixture(params=[each for each in LANGUAGES if each != "en"])
def folder(request: pytest.FixtureRequest) -> Path:
    return ROOT / "locale" / str(request.param) / "LC_MESSAGES"


def texts_of(folder: Path) -> dict[str, str]:
    with (folder / "django.po").open("rb") as file:
        catalogue = read_po(file)
    assert not [each.id for each in catalogue if each.id and each.fuzzy]
    return {str(each.id): str(each.string) for each in catalogue if each.id}


def test_every_text_is_translated_with_its_placeholders(folder: Path) -> None:
    for text, translated in texts_of(folder).items():
        assert translated, text
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(translated)), text


def test_every_text_of_the_pages_is_in_the_catalogue(folder: Path) -> None:
    used = {text for path in TEMPLATES for text in TRANSLATE.findall(path.read_text())}

    assert used - texts_of(folder).keys() == set()


def test_the_compiled_catalogue_says_the_same(folder: Path) -> None:
    with (folder / "django.mo").open("rb") as file:
        compiled = {str(each.id): str(each.string) for each in read_mo(file) if each.id}

    assert compiled == texts_of(folder)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_billing_period_has_words(language: str) -> None:
    shown = {
        (unit, count): show_interval(unit, count, language)
        for unit in ("day", "week", "month", "year")
        for count in range(1, 13)
    }

    assert [period for period, text in shown.items() if "duration" in text] == []


def test_a_month_is_a_word_in_arabic() -> None:
    assert show_interval("month", 1, "ar") == "شهر"
    assert show_interval("month", 3, "ar") == "3 أشهر"
