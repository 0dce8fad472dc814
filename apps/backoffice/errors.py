"""What the back-office refuses, each named after the fact."""

from typing import ClassVar

from apps.common.errors import DomainError


class OwnRequest(DomainError):
    """Four eyes: nobody decides what they asked for, superusers included."""

    code: ClassVar[str] = "own_request"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{actor} asked for this: another person has to decide."


class ApproverNotAllowed(DomainError):
    code: ClassVar[str] = "approver_not_allowed"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{actor} may not decide about {kind}: {permission} is missing."


class ApprovalDecided(DomainError):
    code: ClassVar[str] = "approval_decided"
    template: ClassVar[str] = "{approval} is {status} already."


class ApprovalExpired(DomainError):
    code: ClassVar[str] = "approval_expired"
    template: ClassVar[str] = "{approval} expired at {expired_at}: ask for it again."


class ApprovalWaiting(DomainError):
    """The same thing was asked for before, and nobody has decided yet."""

    code: ClassVar[str] = "approval_waiting"
    template: ClassVar[str] = "{subject} waits for a decision already: {approval}."


class NoteRequired(DomainError):
    code: ClassVar[str] = "note_required"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "A rejection needs a note that says why."


class DialogSentBefore(DomainError):
    """The same dialog was sent by somebody else, or its first sending is not answered yet."""

    code: ClassVar[str] = "dialog_sent_before"
    template: ClassVar[str] = (
        "This was done meanwhile, or is still being worked on. Look at the object first."
    )


class OwnAccess(DomainError):
    """Nobody changes their own role or shuts themselves out."""

    code: ClassVar[str] = "own_access"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{actor} cannot change their own access."


class ExportNotYours(DomainError):
    """A file shows what its requester may see; who passes it on does so knowingly."""

    code: ClassVar[str] = "export_not_yours"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{export}: only who asked for a file may fetch it."


class ExportGone(DomainError):
    code: ClassVar[str] = "export_gone"
    template: ClassVar[str] = "{export} is {status}: there is no file to fetch."


class RoleNotYours(DomainError):
    code: ClassVar[str] = "role_not_yours"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "A view is shared with one's own roles: {role} is none of them."


class TooManyViews(DomainError):
    code: ClassVar[str] = "too_many_views"
    template: ClassVar[str] = "There are {most} views of this list already: remove one first."


class ViewNotYours(DomainError):
    code: ClassVar[str] = "view_not_yours"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "Somebody else saved {view}."
