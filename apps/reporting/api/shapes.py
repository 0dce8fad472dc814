"""What the answers about figures always have, for the API's document."""

from types import MappingProxyType

from apps.api.shapes import TEXT, TIME, TIME_OR_NULL, Shape

_ROWS = MappingProxyType(
    {"type": "array", "items": {"type": "object", "additionalProperties": True}}
)

SUMMARY = Shape("ReportsSummary", "reports.summary", {"as_of": TIME_OR_NULL, "data": _ROWS})

FORECAST = Shape(
    "ReportsSettlementForecast",
    "reports.settlement_forecast",
    {
        "as_of": TIME_OR_NULL,
        "data": _ROWS,
        "mean_error": MappingProxyType(
            {"type": "object", "additionalProperties": {"type": "integer"}}
        ),
    },
)

REPORT_RUN = Shape(
    "ReportRun",
    "reporting.report_run",
    {
        "id": TEXT,
        "created": TIME,
        "draft": MappingProxyType({"type": "boolean"}),
        "error": MappingProxyType({"type": ["string", "null"]}),
        "livemode": MappingProxyType({"type": "boolean"}),
        "parameters": MappingProxyType({"type": "object", "additionalProperties": True}),
        "report_type": TEXT,
        "result": MappingProxyType({"type": "object", "additionalProperties": True}),
        "status": TEXT,
        "succeeded_at": TIME_OR_NULL,
    },
)

REPORT_TYPE = Shape(
    "ReportType",
    "reporting.report_type",
    {
        "id": TEXT,
        "data_available_end": TIME,
        "data_available_start": TIME,
        "description": TEXT,
        "formats": MappingProxyType({"type": "array", "items": {"type": "string"}}),
        "livemode": MappingProxyType({"type": "boolean"}),
        "name": TEXT,
        "updated": TIME,
        "version": MappingProxyType({"type": "integer"}),
    },
)
