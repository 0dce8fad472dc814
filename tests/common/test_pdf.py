"""PDFs of the house: readable in every script, the same bytes each time."""

from datetime import UTC, datetime
from io import BytesIO

from PIL import Image
from pypdf import PdfReader

from apps.common.pdf import Document, append_pdfs

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_texts_facts_and_tables_can_be_read_back() -> None:
    document = Document(title="Evidence", created_at=NOON, footer="dp_1")
    document.heading("Who paid")
    document.paragraph("Two lines\nof one text")
    document.facts([("Name", "Zoë Łukasz"), ("Town", "Αθήνα")])
    document.table(["Day", "Amount"], [("2026-11-01", "10.50")], widths=(3, 1), numbers=[1])

    read = PdfReader(BytesIO(document.to_bytes()))

    text = read.pages[0].extract_text()
    for told in (
        "Evidence",
        "Who paid",
        "Two lines",
        "Zoë Łukasz",
        "Αθήνα",
        "10.50",
        "dp_1",
        "1 / 1",
    ):
        assert told in text
    assert read.metadata is not None
    assert read.metadata.title == "Evidence"
    assert read.metadata.creation_date == NOON


def test_the_same_calls_make_the_same_bytes() -> None:
    assert _document("王小明") == _document("王小明")
    assert _document("王小明") != _document("山田太郎")


def test_names_of_any_script_are_printed() -> None:
    for name in ("محمد عبد الله", "王小明", "山田太郎", "김철수", "Дмитрий", "สมชาย", "Ana 😀"):
        assert _document(name).startswith(b"%PDF-")
    text = PdfReader(BytesIO(_document("王小明"))).pages[0].extract_text()
    assert "王小明" in text.replace("\0", "")


def test_a_letter_that_no_font_has_is_a_box_and_takes_no_other_with_it() -> None:
    text = PdfReader(BytesIO(_document("Sara שרה Cohen"))).pages[0].extract_text()
    thai = PdfReader(BytesIO(_document("ที่ ok"))).pages[0].extract_text()

    assert "Sara □□□ Cohen" in text.replace("\0", "")
    # Marks above a letter share its box.
    assert "□ ok" in thai.replace("\0", "")
    assert thai.count("□") == 1


def test_a_long_table_goes_on_with_its_headings() -> None:
    document = Document(title="Month", created_at=NOON)
    document.table(["Day", "What"], [(str(day), "sold") for day in range(80)])

    pages = PdfReader(BytesIO(document.to_bytes())).pages

    assert len(pages) == document.pages == 3
    assert all("What" in page.extract_text() for page in pages)


def test_a_picture_fits_the_page_however_large_it_is() -> None:
    document = Document(title="Pictures", created_at=NOON)
    for size in ((9000, 100), (100, 9000), (9000, 9000)):
        document.image(_png(size), caption="A picture")

    assert len(PdfReader(BytesIO(document.to_bytes())).pages) == 2


def test_pages_of_other_files_follow_and_the_date_stays() -> None:
    first, other = _document("one"), _document("two")

    joined = append_pdfs(first, [other])

    read = PdfReader(BytesIO(joined))
    assert [("one" in p.extract_text(), "two" in p.extract_text()) for p in read.pages] == [
        (True, False),
        (False, True),
    ]
    assert read.metadata is not None
    assert read.metadata.creation_date == NOON
    assert append_pdfs(first, [other]) == joined


def _document(name: str) -> bytes:
    document = Document(title="Evidence", created_at=NOON)
    document.paragraph(name)
    return document.to_bytes()


def _png(size: tuple[int, int]) -> bytes:
    content = BytesIO()
    Image.new("RGB", size, (10, 120, 60)).save(content, "PNG")
    return content.getvalue()
