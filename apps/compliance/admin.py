"""What staff may do about a customer's personal data; see BACKOFFICE_DIALOGS."""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.common.origin import Origin, Scope, scope_of
from apps.compliance.services import erase_customer, export_customer, find_hindrances
from apps.customers.models import Customer

_PERMISSION = "compliance.add_datarequest"


class _PersonDialog(Dialog):
    subject: Customer
    permission = _PERMISSION
    form_class = ReasonForm
    needs_fresh_factor = True

    @property
    def scope(self) -> Scope:
        """Return the walls within which the service may act."""
        return scope_of(self.subject)

    def look(self) -> Mapping[str, Any]:
        """Return whether anything of the person is left; the audit trail names nobody."""
        erased_at = Customer.objects.values_list("erased_at", flat=True).get(pk=self.subject.pk)
        return {"is_erased": erased_at is not None}


class ExportPersonDialog(_PersonDialog):
    """Give out all that is stored about a customer."""

    name = "export-person"
    label = "Export their data…"
    submit = "Export their data"
    is_download = True

    def explanation(self) -> str:
        """Say what is in the file, and who learns of it."""
        return (
            "The file holds all that is stored about this customer, for them to read. That you "
            "fetched it is kept in the audit trail."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Write it as JSON."""
        told = export_customer(
            scope=self.scope, customer_id=self.subject.pk, origin=origin, now=now
        )
        text = json.dumps(told, indent=2, ensure_ascii=False)
        return Outcome(
            message="Exported.",
            file=io.BytesIO(text.encode()),
            file_name=f"{self.subject.pk}.json",
        )


class ErasePersonDialog(_PersonDialog):
    """Take the person out of everything."""

    name = "erase-person"
    label = "Erase the person…"
    submit = "Erase for good"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether anything of the person is left."""
        return self.subject.erased_at is None

    def explanation(self) -> str:
        """Say what goes, and what stays."""
        return (
            "Name, addresses, texts, evidence and payment methods go for good, out of the history "
            "too. Amounts, times and ids stay. Nobody can undo this."
        )

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what has to end before."""
        found = find_hindrances(self.subject.pk)
        return [(name.replace("_", " ").capitalize(), str(count)) for name, count in found.items()]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Erase; while something is under way the numbers are told."""
        erase_customer(scope=self.scope, customer_id=self.subject.pk, origin=origin, now=now)
        return Outcome(message="The person is erased. In a minute it is done once more.")
