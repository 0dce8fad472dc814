"""
A typed Python client, generated from the API's document: `python -m tests.sdk.typed_client FOLDER`.

It is not committed: hundreds of files that follow from the document, and would be one commit
behind it. Whoever wants one generates it from the document of the release that is called.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "api" / "openapi.yaml"
JSON = "application/json"
BYTES = "application/octet-stream"
# The generator formats what it writes unless told to run nothing afterwards; of files it knows
# none but "bytes".
SETTINGS = {
    "post_hooks": [],
    "literal_enums": True,
    "content_type_overrides": {
        "application/pdf": BYTES,
        "image/jpeg": BYTES,
        "image/png": BYTES,
        "text/csv": BYTES,
    },
}
GENERATE_SECONDS = 120


def generate_client(folder: Path) -> None:
    """Write the package `folder`; its name is the name to import."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    document = folder.with_suffix(".openapi.json")
    document.write_text(json.dumps(with_json_bodies_only(yaml.safe_load(DOCUMENT.read_text()))))
    settings = folder.with_suffix(".settings.json")
    settings.write_text(json.dumps(SETTINGS))
    subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate",
            "--path", str(document), "--config", str(settings), "--output-path", str(folder),
            "--meta", "none", "--overwrite", "--fail-on-warning",
        ],
        check=True,
        timeout=GENERATE_SECONDS,
        capture_output=True,
    )  # fmt: skip


def with_json_bodies_only(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without form bodies: a generated client would send all kinds at once."""
    for item in document["paths"].values():
        for operation in item.values():
            body = operation.get("requestBody", {})
            if JSON in body.get("content", {}):
                body["content"] = {JSON: body["content"][JSON]}
                body["required"] = True
    return document


if __name__ == "__main__":
    generate_client(Path(sys.argv[1]).absolute())
