"""Record the machine's facts beside pytest-benchmark's numbers, and choose the sizes."""

import pytest
from _measure import SIZES, machine


def pytest_addoption(parser):
    parser.addoption(
        "--size",
        action="append",
        choices=SIZES,
        help="elements of an array, e.g. --size '256 K' (repeatable; default: 16 K)",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["fastact"] = machine()


def pytest_generate_tests(metafunc):
    if "size" in metafunc.fixturenames:
        metafunc.parametrize("size", metafunc.config.getoption("size") or ["16 K"])
