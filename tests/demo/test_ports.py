"""Ports: the one asked for or a clear no; without a wish, the next free one."""

import socket
from collections.abc import Iterator

import pytest

from demo.ports import PortTaken, choose_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_that_was_asked_for_is_refused_with_the_way_out(taken: int) -> None:
    with pytest.raises(PortTaken) as refusal:
        choose_port(asked=taken, default=8000, variable="PORT")

    assert f"Port {taken} is in use" in str(refusal.value)
    assert f"make run PORT={taken + 1}" in str(refusal.value)


def test_a_taken_default_gives_way_to_a_free_port_above(taken: int) -> None:
    port = choose_port(asked=None, default=taken, variable="PORT")

    assert port > taken
    assert is_free(port)


def test_a_port_given_to_another_part_is_not_given_twice() -> None:
    first = choose_port(asked=None, default=21000, variable="PORT")
    second = choose_port(asked=None, default=21000, variable="SIM_PORT", taken=[first])

    assert second > first


def test_asking_for_the_same_port_twice_is_refused() -> None:
    with pytest.raises(PortTaken):
        choose_port(asked=21000, default=8100, variable="SIM_PORT", taken=[21000])
