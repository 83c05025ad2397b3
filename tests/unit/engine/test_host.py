import pytest

from fourplane_worker.engine.errors import ProvisionError
from fourplane_worker.engine.host import Host, check_host, missing_libraries


def a_host(system="Linux", machine="x86_64", libc="glibc 2.36"):
    return Host(system=system, machine=machine, libc=libc)


@pytest.mark.parametrize("libc", ["glibc 2.35", "glibc 2.36", "glibc 3.0"])
def test_linux_with_a_recent_glibc_will_do(libc):
    check_host(a_host(libc=libc))


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (a_host(system="Darwin", libc=""), "this is Darwin on x86_64"),
        (a_host(machine="aarch64"), "this is Linux on aarch64"),
        (a_host(libc=""), "this machine has another one"),
        (a_host(libc="glibc 2.31"), "this machine has glibc 2.31"),
    ],
)
def test_any_other_machine_is_refused_with_a_way_out(host, said):
    with pytest.raises(ProvisionError, match=said) as raised:
        check_host(host)
    assert "endpoints" in raised.value.hint


def test_the_libraries_that_the_loader_misses_are_named_once():
    trace = "\tlibz.so.1 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n"
    assert missing_libraries([trace, trace]) == ("libz.so.1",)
