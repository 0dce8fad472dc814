"""What disputes refuse, each named after the fact."""

from typing import ClassVar

from apps.common.errors import DomainError


class DisputeClosed(DomainError):
    code: ClassVar[str] = "dispute_closed"
    template: ClassVar[str] = "{dispute} is {status}: nobody waits for an answer."


class DisputePastDue(DomainError):
    """The bank takes no more evidence."""

    code: ClassVar[str] = "dispute_past_due"
    template: ClassVar[str] = "{dispute} had to be answered by {due_at}."


class EvidenceAlreadySubmitted(DomainError):
    """Banks read evidence once per round."""

    code: ClassVar[str] = "evidence_already_submitted"
    template: ClassVar[str] = "The evidence of {dispute} was submitted already."


class EvidenceTooLong(DomainError):
    code: ClassVar[str] = "evidence_too_long"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{field} has {length} characters; at most {limit} are read."


class EvidenceEmpty(DomainError):
    code: ClassVar[str] = "evidence_empty"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{dispute} has no evidence to submit."


class DisputeGatewayFailed(DomainError):
    """The gateway could not be told; the dispute stands as before."""

    code: ClassVar[str] = "gateway_unavailable"
    type: ClassVar[str] = "api_error"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The gateway could not be reached about {dispute}. Try again."


class InquiryNotAcceptable(DomainError):
    """An inquiry took no money; giving in means to refund."""

    code: ClassVar[str] = "inquiry_not_acceptable"
    template: ClassVar[str] = "{dispute} is an inquiry: refund the payment instead."


class FileEmpty(DomainError):
    code: ClassVar[str] = "file_empty"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The file is empty."


class FileTooLarge(DomainError):
    code: ClassVar[str] = "file_too_large"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The file has {size} bytes; at most {limit} (5 MiB) are taken."


class FileTooManyPages(DomainError):
    code: ClassVar[str] = "file_too_many_pages"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The file has {pages} pages; banks read at most {limit}."


class FileUnsupported(DomainError):
    """Told by its first bytes, whatever its name says."""

    code: ClassVar[str] = "file_type_unsupported"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The file is neither a PDF nor a PNG nor a JPEG image."


class FileUnreadable(DomainError):
    code: ClassVar[str] = "file_unreadable"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The file is damaged, locked with a password, or far too large."


class FileActive(DomainError):
    """It could do something to whoever opens it."""

    code: ClassVar[str] = "file_active_content"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The PDF holds a script, another file or an action. Print it anew."


class PacketTooLarge(DomainError):
    """The files of one dispute together are more than a bank takes."""

    code: ClassVar[str] = "packet_too_large"
    template: ClassVar[str] = (
        "The packet of {dispute} has {pages} pages and {size} bytes; at most {page_limit} pages and"
        " {limit} bytes are taken. Leave a file out."
    )
