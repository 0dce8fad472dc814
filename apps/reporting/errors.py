"""What reports refuse."""

from typing import ClassVar

from apps.common.errors import DomainError


class FormatNotOffered(DomainError):
    """The report cannot be had as such a file."""

    code: ClassVar[str] = "report_format_not_offered"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{report} is made as {formats}, not as {format}."


class NotAMonth(DomainError):
    """The report is made of whole months."""

    code: ClassVar[str] = "report_not_a_month"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "From {since} to {until} is no month of UTC."
