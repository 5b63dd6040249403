import json
from pathlib import Path

import pytest

from sysvitals.sources.os.virtualization import (
    has_hypervisor_flag,
    kind_of_cgroup,
    kind_of_dmi,
    read_container,
    read_virtualization,
)
from sysvitals.sources.sys.dmi import Dmi, read_dmi
from tests.building import build_host, lxcfs_mounts
from tests.recorded import HOSTS, RecordedHost

CLOCK = "sys/devices/system/clocksource/clocksource0/available_clocksource"
GUEST = "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n"
METAL = "processor\t: 0\nflags\t\t: fpu vme lahf_lm\n"


def machine(name: str) -> dict[str, str | bytes]:
    answer = {"sysname": "Linux", "nodename": "x", "release": "6.12", "version": "#1", "machine": name}
    return {"syscalls.json": json.dumps({"uname": answer})}


@pytest.mark.parametrize(
    ("dmi", "kind"),
    [
        (Dmi(vendor="VMware, Inc.", product="VMware7,1"), "vmware"),
        (Dmi(vendor="innotek GmbH", product="VirtualBox"), "oracle"),
        (Dmi(vendor="Microsoft Corporation", product="Virtual Machine"), "microsoft"),
        (Dmi(vendor="Microsoft Corporation", product="Surface Pro"), None),
        (Dmi(vendor="Xen", product="HVM domU"), "xen"),
        (Dmi(vendor="Amazon EC2", product="t3.micro"), "amazon"),
        (Dmi(vendor="Google", product="Google Compute Engine"), "google"),
        (Dmi(vendor="QEMU", product="Standard PC (Q35 + ICH9, 2009)"), "qemu"),
        (Dmi(vendor="OpenStack Foundation", product="OpenStack Nova"), "kvm"),
        (Dmi(vendor="Intel Corporation", product="NUC8i7HVK"), None),
        (Dmi(), None),
    ],
)
def test_a_hypervisors_firmware_names_itself(dmi: Dmi, kind: str | None) -> None:
    assert kind_of_dmi(dmi) == kind


@pytest.mark.parametrize(
    ("cpuinfo", "clocks", "vendor", "kind"),
    [
        (GUEST, "tsc kvm-clock acpi_pm", "QEMU", "kvm"),
        (GUEST, "tsc kvm-clock", None, "kvm"),
        (GUEST, "hyperv_clocksource_tsc_page acpi_pm", None, "microsoft"),
        (GUEST, "tsc acpi_pm", "QEMU", "qemu"),
        (GUEST + "model name\t: QEMU TCG CPU\n", "tsc", None, "qemu"),
        (GUEST, "kvm-clock tsc", "Amazon EC2", "amazon"),
        (GUEST, "tsc", None, "vm-other"),
        (METAL, "tsc hpet acpi_pm", "Amazon EC2", "none"),
        (METAL, "tsc hpet acpi_pm", None, "none"),
        ("", "", None, "none"),
    ],
)
def test_x86_tells_by_flag_firmware_and_clock(
    tmp_path: Path, cpuinfo: str, clocks: str, vendor: str | None, kind: str
) -> None:
    host = build_host(tmp_path, {"proc/cpuinfo": cpuinfo, CLOCK: f"{clocks}\n"} | machine("x86_64"))
    assert read_virtualization(host, Dmi(vendor=vendor)) == kind


@pytest.mark.parametrize(
    ("files", "dmi", "kind"),
    [
        ({"hypervisor/compatible": b"xen,xen-4.17\0xen,xen\0"}, Dmi(), "xen"),
        ({"hypervisor/compatible": b"linux,kvm\0"}, Dmi(), "kvm"),
        ({"hypervisor/compatible": b"acme,visor\0"}, Dmi(), "vm-other"),
        ({"compatible": b"linux,dummy-virt\0"}, Dmi(), "qemu"),
        ({"compatible": b"raspberrypi,4-model-b\0brcm,bcm2711\0"}, Dmi(), "none"),
        ({}, Dmi(vendor="QEMU"), "qemu"),
        ({}, Dmi(), "none"),
    ],
)
def test_arm_tells_by_device_tree_and_firmware(tmp_path: Path, files: dict[str, bytes], dmi: Dmi, kind: str) -> None:
    tree: dict[str, str | bytes] = {f"sys/firmware/devicetree/base/{name}": data for name, data in files.items()}
    assert read_virtualization(build_host(tmp_path, tree | machine("aarch64")), dmi) == kind


def test_the_flag_is_a_word_of_the_first_cpus_flags() -> None:
    assert has_hypervisor_flag(GUEST)
    assert not has_hypervisor_flag(METAL)
    assert not has_hypervisor_flag("flags\t: hypervisors\n")
    assert not has_hypervisor_flag("model name\t: hypervisor\n")


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, "none"),
        ({".dockerenv": ""}, "docker"),
        ({"run/.containerenv": ""}, "podman"),
        ({"var/run/secrets/kubernetes.io/serviceaccount/token": "x", ".dockerenv": ""}, "kubernetes"),
        ({"proc/1/cgroup": "0::/kubepods/burstable/pod1234/abcd\n", ".dockerenv": ""}, "kubernetes"),
        ({"run/systemd/container": "lxc\n"}, "lxc"),
        ({"run/systemd/container": "\x1b[31m\n"}, "container-other"),
        ({"proc/1/cgroup": "0::/init.scope\n"}, "none"),
        ({"proc/1/cgroup": "12:memory:/lxc/box\n"}, "lxc"),
        ({"proc/1/cgroup": "0::/\n", "proc/1/mountinfo": lxcfs_mounts("stat")}, "lxc"),
        ({".dockerenv": "", "proc/1/mountinfo": lxcfs_mounts("stat")}, "docker"),
        ({"run/host/container-manager": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"proc/vz/version": ""}, "openvz"),
        ({"proc/vz/version": "", "proc/bc/0": ""}, "none"),
        ({"proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"}, "wsl"),
        ({"proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n", ".dockerenv": ""}, "wsl"),
        ({"proc/sys/kernel/osrelease": "4.19.104-microsoft-standard\n", "run/WSL/1_interop": ""}, "wsl"),
        ({"proc/sys/kernel/osrelease": "5.15.0-1042-microsoft-azure\n"}, "none"),
    ],
)
def test_a_container_tells_by_the_files_in_it(tmp_path: Path, files: dict[str, str], kind: str) -> None:
    assert read_container(build_host(tmp_path, files)) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "none"),
        ("0::/\n", "none"),
        ("0::/system.slice/docker.service\n", "none"),
        ("0::/system.slice/docker-c0ffee.scope\n", "docker"),
        ("0::/lxc.payload.box/init.scope\n", "lxc"),
        ("11:cpu:/docker/c0ffee\n", "docker"),
        ("0::/machine.slice/libpod-c0ffee.scope\n", "podman"),
        ("0::/user.slice/user-1000.slice\n", "none"),
    ],
)
def test_cgroup_paths_name_the_manager(text: str, kind: str) -> None:
    assert kind_of_cgroup(text) == kind


@pytest.mark.parametrize(
    ("name", "virtualization", "container"),
    [
        ("pi-4b-fine", "none", "none"),
        ("jetson", "none", "none"),
        ("nuc", "none", "none"),
        ("vm", "qemu", "none"),
        ("container", "none", "docker"),
        ("lxc", "none", "lxc"),
        ("qemu-x86-wifi-emmc", "qemu", "none"),
    ],
)
def test_recorded_hosts_are_what_they_are(name: str, virtualization: str, container: str) -> None:
    host = RecordedHost(HOSTS / name)
    assert (read_virtualization(host, read_dmi(host)), read_container(host)) == (virtualization, container)
