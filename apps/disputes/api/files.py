"""`/v1/files`: evidence is uploaded here, and read back by those who may see disputes."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.api.fields import EnumField, FileField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import Download, ListOf
from apps.api.views import ApiView, Json
from apps.disputes.api.shapes import FILE
from apps.disputes.content import JPEG, MAX_BYTES, PDF, PNG
from apps.disputes.models import StoredFile
from apps.disputes.objects import render_file
from apps.disputes.selectors import get_file
from apps.disputes.services.files import store_file
from apps.disputes.states import FilePurpose

# A little above what is taken, so that the refusal names the limit; the rest is the form around it.
_MAX_BODY_BYTES = 2 * MAX_BYTES


class UploadFile(RequestSchema):
    file = FileField()
    purpose = EnumField([FilePurpose.DISPUTE_EVIDENCE])


class ListFiles(ListSchema):
    purpose = EnumField(FilePurpose.values, required=False)


class FileView(ApiView):
    resource = "files"


class FileList(FileView):
    schemas = {"GET": ListFiles, "POST": UploadFile}
    answers = {"GET": ListOf(FILE), "POST": FILE}
    max_body_bytes = _MAX_BODY_BYTES

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = StoredFile.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        ).defer("content")
        if "purpose" in params:
            rows = rows.filter(purpose=params["purpose"])
        return list_page(rows, params, url="/v1/files", show=render_file)

    def post(self, _request: HttpRequest) -> Json:
        upload = self.load()["file"]
        file = store_file(
            scope=self.scope,
            content=upload.read(),
            name=upload.name or "",
            origin=self.origin,
            now=timezone.now(),
        )
        return render_file(file)


class FileDetail(FileView):
    answers = {"GET": FILE}

    def get(self, _request: HttpRequest, file_id: str) -> Json:
        self.load()
        return render_file(get_file(self.scope, file_id))


class FileContents(FileView):
    """The bytes, to be saved: no browser shows them in a page of ours."""

    answers = {"GET": Download((PDF, PNG, JPEG))}
    _file: StoredFile | None = None

    def get(self, _request: HttpRequest, file_id: str) -> Json:
        self.load()
        self._file = get_file(self.scope, file_id)
        return {}

    def _respond(self, status: int, body: str, headers: dict[str, str]) -> HttpResponse:
        response = super()._respond(status, body, headers)
        if self._file is not None:
            response.content = bytes(self._file.content)
            response["Content-Type"] = self._file.content_type
            response["Content-Disposition"] = f'attachment; filename="{self._file.id}"'
        return response
