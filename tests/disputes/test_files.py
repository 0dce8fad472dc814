"""Files: told by their bytes, kept with their digest, given only to their owner."""

import hashlib
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.test.client import encode_multipart
from django.utils import timezone
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from apps.common.errors import DomainError
from apps.common.origin import Scope
from apps.disputes import content as rules
from apps.disputes.content import inspect_content
from apps.disputes.models import StoredFile
from apps.disputes.services.files import store_file
from tests.conftest import ApiClient
from tests.disputes.stories import PERSON
from tests.factories.payments import SCOPE

pytestmark = pytest.mark.django_db


def image(kind: str = "PNG", size: tuple[int, int] = (20, 10)) -> bytes:
    """Return a picture."""
    out = BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind)
    return out.getvalue()


def pdf(pages: int = 1, *, script: str = "", password: str = "") -> bytes:
    """Return a PDF with blank pages."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if script:
        action = {
            NameObject("/S"): NameObject("/JavaScript"),
            NameObject("/JS"): TextStringObject(script),
        }
        writer._root_object[NameObject("/OpenAction")] = DictionaryObject(action)
    if password:
        writer.encrypt(password)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def launching_pdf() -> bytes:
    """Return a PDF that starts a program when it is opened."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    action = DictionaryObject(
        {NameObject("/S"): NameObject("/Launch"), NameObject("/F"): TextStringObject("calc.exe")}
    )
    writer._root_object[NameObject("/OpenAction")] = action
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "type_", "pages"),
    [
        (image(), "image/png", 1),
        (image("JPEG"), "image/jpeg", 1),
        (pdf(3), "application/pdf", 3),
    ],
    ids=["png", "jpeg", "pdf"],
)
def test_a_file_is_what_its_bytes_say(content: bytes, type_: str, pages: int) -> None:
    found = inspect_content(content)

    assert (found.type, found.pages) == (type_, pages)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"%PDF-" + b"x" * rules.MAX_BYTES, "file_too_large"),
        (b"<html><script>alert(1)</script></html>", "file_type_unsupported"),
        (b"GIF89a" + image(), "file_type_unsupported"),
        (b"MZ\x90\x00 a program named evidence.pdf", "file_type_unsupported"),
        (b"%PDF-1.7 but nothing else", "file_unreadable"),
        (image()[:40], "file_unreadable"),
        (pdf(password="secret"), "file_unreadable"),
        (pdf(rules.MAX_PAGES + 1), "file_too_many_pages"),
        (pdf(script="app.alert(1)"), "file_active_content"),
        (launching_pdf(), "file_active_content"),
    ],
    ids=[
        "empty", "too large", "a page", "a GIF", "a program", "no PDF", "half an image", "locked",
        "too many pages", "a script", "a launcher",
    ],
)  # fmt: skip
def test_what_banks_cannot_print_or_what_could_act_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(DomainError) as refusal:
        store_file(scope=SCOPE, content=content, name="a.pdf", origin=PERSON, now=timezone.now())

    assert refusal.value.code == code
    assert refusal.value.status == 400
    assert not StoredFile.objects.exists()


def test_an_image_that_unfolds_to_gigabytes_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr(rules, "MAX_PIXELS", 199)

    with pytest.raises(DomainError) as refusal:
        inspect_content(image(size=(20, 10)))

    assert refusal.value.code == "file_unreadable"


def test_a_kept_file_cannot_change() -> None:
    file = store_file(
        scope=SCOPE, content=image(), name="../../a b<c>.png", origin=PERSON, now=timezone.now()
    )

    assert file.name == ".._.._a b_c_.png"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        StoredFile.objects.filter(pk=file.id).update(content=b"other")


def test_a_file_is_uploaded_and_read_back_by_its_owner(api: ApiClient) -> None:
    content = pdf(2)

    kept = upload(api, content, name="mail.exe")
    shown = api.get(f"/v1/files/{kept['id']}").json()
    listed = api.get("/v1/files", {"purpose": "dispute_evidence"}).json()
    bytes_of = api.get(f"/v1/files/{kept['id']}/contents")

    assert (kept["object"], kept["type"], kept["pages"]) == ("file", "pdf", 2)
    assert kept["sha256"] == hashlib.sha256(content).hexdigest()
    assert shown == kept
    assert [each["id"] for each in listed["data"]] == [kept["id"]]
    assert bytes_of.content == content
    assert bytes_of["Content-Type"] == "application/pdf"
    assert bytes_of["Content-Disposition"].startswith("attachment")
    assert bytes_of["X-Content-Type-Options"] == "nosniff"


def test_the_file_of_another_account_is_not_found(api: ApiClient) -> None:
    file = store_file(
        scope=Scope("acct_other", livemode=False),
        content=image(),
        name="a.png",
        origin=PERSON,
        now=timezone.now(),
    )

    for address in (f"/v1/files/{file.id}", f"/v1/files/{file.id}/contents"):
        answer = api.get(address)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


def test_a_refused_upload_names_its_limit(api: ApiClient) -> None:
    answer = post_file(api, b"%PDF-" + b"x" * rules.MAX_BYTES)

    assert answer.status_code == 400, answer.content
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "file_too_large")
    assert "5 MiB" in answer.json()["error"]["message"]


def post_file(api: ApiClient, content: bytes, *, name: str = "mail.pdf") -> Any:
    """Send it as a browser's form would."""
    form = {"purpose": "dispute_evidence", "file": SimpleUploadedFile(name, content)}
    return api.post_raw(
        "/v1/files",
        encode_multipart("limit", form),
        content_type="multipart/form-data; boundary=limit",
    )


def upload(api: ApiClient, content: bytes, *, name: str = "mail.pdf") -> Any:
    """Keep it."""
    answer = post_file(api, content, name=name)
    assert answer.status_code == 200, answer.content
    return answer.json()
