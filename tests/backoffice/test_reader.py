"""What several parts of a page read is read once for all of them."""

from django.test import RequestFactory

from apps.backoffice.kit.reader import read_once, reading


def test_a_page_reads_once_and_the_next_page_anew() -> None:
    reads: list[int] = []

    def count() -> int:
        reads.append(len(reads))
        return len(reads)

    def name() -> str:
        return "another"

    request = RequestFactory().get("/")
    with reading(request):
        page = [read_once(count), read_once(count), read_once(name)]
    with reading(request):
        following = read_once(count)

    assert page == [1, 1, "another"]
    assert following == 2


def test_outside_of_a_page_nothing_is_kept() -> None:
    reads: list[int] = []

    def count() -> int:
        reads.append(1)
        return len(reads)

    assert [read_once(count), read_once(count)] == [1, 2]
