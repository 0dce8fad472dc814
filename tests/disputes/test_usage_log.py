"""The log of use: written as lines, read as a table, and whatever people wrote stays theirs."""

from datetime import datetime

import pytest

from apps.disputes.usage_log import Use, read_line, use_at, write_log

AT = "2026-11-02 09:15"


@pytest.mark.parametrize(
    "use",
    [
        Use(at=AT, action="Logged in"),
        Use(at=AT, action="Logged in", ip_address="203.0.113.7"),
        Use(at=AT, action="Logged in", device="Firefox on Linux"),
        Use(at=AT, action="登录", ip_address="2001:db8::7", device="هاتف"),
        Use(at=AT, action="Exported · all", ip_address="203.0.113.7", device="a · b"),
    ],
)
def test_a_line_is_read_as_it_was_written(use: Use) -> None:
    assert read_line(write_log([use])) == use


@pytest.mark.parametrize(
    "line",
    [
        "They used it every day.",
        "and 3 more before these",
        "2026-11-02 09:15 UTC",
        "2026-11-02 · Logged in",
        "On 2026-11-02 09:15 UTC · Logged in",
        "",
    ],
)
def test_what_people_wrote_is_no_line_of_the_log(line: str) -> None:
    assert read_line(line) is None


def test_a_part_of_several_lines_stands_on_one_and_times_are_in_utc() -> None:
    moment = datetime.fromisoformat("2026-10-25T02:30:00+01:00")

    use = use_at(moment, action="Wrote:\n  a\tletter", ip_address="", device=" ")

    assert write_log([use]) == "2026-10-25 01:30 UTC · Wrote: a letter"
