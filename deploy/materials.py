"""
The list of materials (CycloneDX): what is installed to run the platform, with every file's digest.

    python -m deploy.materials > materials.json

It is made of the pinned requirements, which the installer holds each download against. Scanners for
known vulnerabilities read it; nothing here asks anybody.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

REQUIREMENTS: Final = Path(__file__).resolve().parents[1] / "requirements"
# What every installation has, and what some have beside it.
REQUIRED: Final = ("base",)
OPTIONAL: Final = ("embedded", "kafka", "observability")

_PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)")
_DIGEST: Final = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


def read_pins(name: str) -> dict[tuple[str, str], list[str]]:
    """Return the digests of each (package, version) of a set of requirements."""
    pins: dict[tuple[str, str], list[str]] = {}
    digests: list[str] = []
    for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines():
        if pin := _PIN.match(line):
            digests = pins.setdefault((pin["name"].lower(), pin["version"]), [])
        digests.extend(found["digest"] for found in _DIGEST.finditer(line))
    return pins


def list_materials() -> dict[str, Any]:
    """Return the document; the same requirements give the same text."""
    components: dict[tuple[str, str], dict[str, Any]] = {}
    for name in (*REQUIRED, *OPTIONAL):
        scope = "required" if name in REQUIRED else "optional"
        for (package, version), digests in read_pins(name).items():
            components.setdefault((package, version), _component(package, version, digests, scope))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "payments"}},
        "components": [components[key] for key in sorted(components)],
    }


def _component(package: str, version: str, digests: list[str], scope: str) -> dict[str, Any]:
    address = f"pkg:pypi/{package}@{version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": package,
        "version": version,
        "scope": scope,
        "purl": address,
        # One digest per file of the release; the installer takes the file that fits the machine.
        "externalReferences": [
            {
                "type": "distribution",
                "url": address,
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in sorted(digests)],
            }
        ],
    }


if __name__ == "__main__":
    json.dump(list_materials(), sys.stdout, indent=2)
    sys.stdout.write("\n")
