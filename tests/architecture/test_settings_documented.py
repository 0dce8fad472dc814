"""`.env.example` and the settings name the same variables."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A gateway account's variables are built from its name; the file shows them for this one.
EXAMPLE_ACCOUNT = "STRIPE_MAIN"

# Read by a library, not by the settings.
OF_LIBRARIES = {"PROMETHEUS_MULTIPROC_DIR"}


def variables_of_settings() -> set[str]:
    read = re.compile(r"\benv\.\w+\(\s*f?\"([^\"]+)\"")
    names = {
        name
        for path in (ROOT / "config" / "settings").glob("*.py")
        for name in read.findall(path.read_text())
    }
    return {re.sub(r"\{.*?\}", EXAMPLE_ACCOUNT, name) for name in names}


def variables_of_example() -> list[str]:
    return re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_each_variable_of_the_settings_is_explained_and_none_is_left_over() -> None:
    assert set(variables_of_example()) - OF_LIBRARIES == variables_of_settings()


def test_no_variable_is_explained_twice() -> None:
    assert len(variables_of_example()) == len(set(variables_of_example()))
