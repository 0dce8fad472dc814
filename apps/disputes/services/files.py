"""Files come in."""

import hashlib
import re
from datetime import datetime

from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.disputes.content import inspect_content
from apps.disputes.models import StoredFile
from apps.disputes.states import FilePurpose

# A name is shown to people and stands in a header: letters, digits, and a little between them.
_STRANGE = re.compile(r"[^\w.() -]+")
_NAME_MAX = 120


def store_file(
    *, scope: Scope, content: bytes, name: str, origin: Origin, now: datetime
) -> StoredFile:
    """
    Keep a piece of evidence, after a look at what it really is.

    :raises FileEmpty: see `inspect_content`, which raises this and the following
    :raises FileTooLarge:
    :raises FileTooManyPages:
    :raises FileUnsupported:
    :raises FileUnreadable:
    :raises FileActive:
    """
    found = inspect_content(content)
    return StoredFile.objects.create(
        id=new_id("file"),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        purpose=FilePurpose.DISPUTE_EVIDENCE,
        name=_STRANGE.sub("_", name)[-_NAME_MAX:] or "file",
        content_type=found.type,
        pages=found.pages,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        created_by=origin.actor,
        created_at=now,
    )
