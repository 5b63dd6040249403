"""The objects that kustomize builds, and what can be wrong with them that no schema tells."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from unittest.mock import Mock

import pytest
import yaml

from sysvitals.cli import build_parser
from sysvitals.web.routes import build_web_app

FOLDER = Path(__file__).parent.parent.parent / "deploy/kubernetes"

Object = dict[str, Any]


def build(folder: Path) -> list[Object]:
    """What `kubectl apply -k` would send."""
    done = subprocess.run([need_kubectl(), "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def need_kubectl() -> str:
    """Path of kubectl, which has kustomize in it. Debian 12's (1.20) is too old."""
    path = shutil.which("kubectl")
    if path is not None:
        return path
    words = "kubectl is not installed, 1.27 or later; tests/deploy/fetch_kubectl.py fetches one"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


def find(objects: Iterable[Object], kind: str, name: str | None = None) -> Object:
    [found] = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found


def find_faults(objects: list[Object]) -> list[str]:
    """What does not fit together, is not safe or does not exist; the base of deploy/kubernetes has nothing of it."""
    daemonset = find(objects, "DaemonSet")
    pod = daemonset["spec"]["template"]["spec"]
    return [
        *_find_loose_selectors(objects, daemonset["spec"]["template"]["metadata"]["labels"]),
        *_find_loose_ports(objects, pod),
        *_find_loose_names(objects, pod),
        *_find_loose_paths(objects, pod),
        *_find_powers(objects, pod),
    ]


def _find_loose_selectors(objects: list[Object], labels: dict[str, str]) -> Iterator[str]:
    wanted = {
        "DaemonSet": find(objects, "DaemonSet")["spec"]["selector"]["matchLabels"],
        "Service": find(objects, "Service")["spec"]["selector"],
        "NetworkPolicy": find(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    }
    yield from (
        f"the {kind} selects other pods" for kind, chosen in wanted.items() if not chosen.items() <= labels.items()
    )
    for monitor in (each for each in objects if each["kind"] == "ServiceMonitor"):
        chosen = monitor["spec"]["selector"]["matchLabels"]
        service = find(objects, "Service")["metadata"]["labels"]
        if not chosen.items() <= service.items():
            yield "the ServiceMonitor selects another service"


def _find_loose_ports(objects: list[Object], pod: Object) -> Iterator[str]:
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    service = find(objects, "Service")["spec"]["ports"]
    named = [
        *(("Service", port["targetPort"]) for port in service),
        *(
            ("NetworkPolicy", port["port"])
            for rule in find(objects, "NetworkPolicy")["spec"]["ingress"]
            for port in rule["ports"]
        ),
        *((name, probe["httpGet"]["port"]) for name, probe in _list_probes(container)),
    ]
    yield from (f"{who} names the port {port}, which the container has not" for who, port in named if port not in ports)
    for monitor in (each for each in objects if each["kind"] == "ServiceMonitor"):
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in {port["name"] for port in service}:
                yield f"ServiceMonitor names the port {endpoint['port']}, which the service has not"
    [listens] = [word for word in container["args"] if word.startswith("--web.listen-address=")]
    if listens.partition("=")[2] not in {f":{port}" for port in ports.values()}:
        yield "the exporter listens elsewhere than on the container's port"


def _list_probes(container: Object) -> list[tuple[str, Object]]:
    return [(name, container[name]) for name in ("startupProbe", "readinessProbe", "livenessProbe")]


def _find_loose_names(objects: list[Object], pod: Object) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["name"] for container in _list_containers(pod) for mount in container["volumeMounts"]}
    yield from (f"{name} is mounted and no volume" for name in sorted(mounted - volumes.keys()))
    yield from (f"{name} is a volume and not mounted" for name in sorted(volumes.keys() - mounted))
    here = {(each["kind"], each["metadata"]["name"]) for each in objects}
    wanted = {("ServiceAccount", pod["serviceAccountName"])}
    wanted |= {("ConfigMap", volume["configMap"]["name"]) for volume in volumes.values() if "configMap" in volume}
    yield from (f"there is no {kind} {name}" for kind, name in sorted(wanted - here))
    spaces = {each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"}
    if spaces != {find(objects, "Namespace")["metadata"]["name"]}:
        yield f"objects are in {spaces}"


def _find_loose_paths(objects: list[Object], pod: Object) -> Iterator[str]:
    [container] = pod["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    try:
        build_parser().parse_args(container["args"])
    except SystemExit:
        yield f"no arguments that the program takes: {container['args']}"
    flags = dict(word.split("=", 1) for word in container["args"] if "=" in word)
    for flag in ("--path.procfs", "--path.sysfs", "--path.rootfs", "--path.devfs"):
        mount = mounts.get("/" + PurePosixPath(flags.get(flag, "/")).parts[1]) if flags.get(flag) else None
        volume: Object = next((each for each in pod["volumes"] if mount and each["name"] == mount["name"]), {})
        if volume.get("hostPath", {}).get("path") != "/":
            yield f"{flag} is not the node's"
    storage = mounts.get(flags["--storage.path"], {"readOnly": True})
    if storage.get("readOnly"):
        yield "the history cannot be written"
    config = PurePosixPath(flags["--config.file"])
    settings = next(each for each in pod["volumes"] if each["name"] == mounts[str(config.parent)]["name"])
    if not any(config.name in each["data"] for each in objects if _is_config(each, settings)):
        yield f"there is no {config}"
    routes = build_web_app(Mock()).routes
    for name, probe in _list_probes(container):
        if probe["httpGet"]["path"] not in routes:
            yield f"{name} asks {probe['httpGet']['path']}, which the program does not answer"


def _is_config(each: Object, volume: Object) -> bool:
    return bool(each["kind"] == "ConfigMap" and each["metadata"]["name"] == volume["configMap"]["name"])


def _list_containers(pod: Object) -> list[Object]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def _find_powers(objects: list[Object], pod: Object) -> Iterator[str]:
    yield from (f"{key} is shared" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key))
    if pod["securityContext"].get("runAsNonRoot") is not True:
        yield "the pod may run as root"
    if pod["securityContext"].get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "system calls are not filtered"
    if pod.get("automountServiceAccountToken") is not False:
        yield "the pod gets a token"
    yield from (f"a {each['kind']} gives rights" for each in objects if "Role" in each["kind"])
    for container in _list_containers(pod):
        yield from _find_powers_of(container)


def _find_powers_of(container: Object) -> Iterator[str]:
    context = container["securityContext"]
    added = context["capabilities"].get("add", [])
    if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
        yield f"{container['name']} may get more rights"
    if context["capabilities"]["drop"] != ["ALL"] or added != (["CHOWN"] if container["name"] == "own-history" else []):
        yield f"{container['name']} has capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{container['name']} may write to its image"
    if context.get("runAsUser") == 0 and added != ["CHOWN"]:
        yield f"{container['name']} is root"
    for mount in container["volumeMounts"]:
        if mount["name"] in ("host", "config") and mount.get("readOnly") is not True:
            yield f"{container['name']} may write to {mount['mountPath']}"
