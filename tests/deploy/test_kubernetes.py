"""What Kubernetes is given: built by kustomize, held against published schemas, scraped by a real Prometheus."""

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from prometheus.rulebook.subjects import SUBJECTS
from sysvitals import __version__
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.metric import Label
from sysvitals.model.reading import fields_of
from tests.deploy.manifests import FOLDER, Object, build, find, find_faults
from tests.deploy.schemas import check_schema
from tests.patience import PATIENCE
from tests.stack.running import free_port, run_exporter, wait_until
from tests.stack.servers import Prometheus, read_yaml, run_prometheus, write_yaml
from tests.tools import need_tool

ROOT = FOLDER.parent.parent
DASHBOARDS = sorted((ROOT / "grafana/dashboards").glob("*.json"))
PAGE = FOLDER.parent / "KUBERNETES.md"
IMAGE = f"ghcr.io/sysvitals/sysvitals:{__version__}"
MIB = 1024 * 1024
CLIENT_SIDE_LIMIT = 262144
"""Bytes of annotations that an object may have. An apply that is not server-side writes the object into one."""


@pytest.fixture(scope="module")
def everything() -> list[Object]:
    return build(FOLDER)


def pod_of(objects: list[Object]) -> Object:
    pod: Object = find(objects, "DaemonSet")["spec"]["template"]["spec"]
    return pod


def exporter_of(objects: list[Object]) -> Object:
    [container] = pod_of(objects)["containers"]
    found: Object = container
    return found


# --- what fits together


def test_what_is_built_fits_together_and_asks_for_no_power(everything: list[Object]) -> None:
    assert find_faults(everything) == []


PLANTED: dict[str, tuple[Callable[[list[Object]], object], str]] = {
    "another label": (lambda o: find(o, "Service")["spec"]["selector"].update(app="x"), "Service selects other"),
    "no such service": (
        lambda o: find(o, "ServiceMonitor")["spec"]["selector"].update(matchLabels={"app": "x"}),
        "ServiceMonitor selects another",
    ),
    "no such port": (
        lambda o: find(o, "Service")["spec"]["ports"][0].update(targetPort="web"),
        "Service names the port",
    ),
    "no such port of the service": (
        lambda o: find(o, "ServiceMonitor")["spec"]["endpoints"][0].update(port="web"),
        "ServiceMonitor names the port",
    ),
    "another port": (lambda o: exporter_of(o)["ports"][0].update(containerPort=80), "listens elsewhere"),
    "no such volume": (lambda o: exporter_of(o)["volumeMounts"][0].update(name="x"), "x is mounted and no volume"),
    "no such settings": (lambda o: o.remove(find(o, "ConfigMap", config_name(o))), "there is no ConfigMap"),
    "other settings": (
        lambda o: find(o, "ConfigMap", config_name(o)).update(data={"x.yml": ""}),
        "there is no /etc/sysvitals/sysvitals.yml",
    ),
    "no such account": (lambda o: o.remove(find(o, "ServiceAccount")), "there is no ServiceAccount"),
    "another namespace": (lambda o: find(o, "Service")["metadata"].update(namespace="x"), "objects are in"),
    "no such flag": (lambda o: exporter_of(o)["args"].append("--path.proc=/host/proc"), "no arguments"),
    "the pod's own /proc": (
        lambda o: exporter_of(o)["args"].__setitem__(2, "--path.procfs=/proc"),
        "--path.procfs is not the node's",
    ),
    "no such route": (
        lambda o: exporter_of(o)["livenessProbe"]["httpGet"].update(path="/healthz"),
        "asks /healthz",
    ),
    "a history that cannot be written": (
        lambda o: exporter_of(o)["volumeMounts"][1].update(readOnly=True),
        "history cannot be written",
    ),
    "a host that can be written": (lambda o: exporter_of(o)["volumeMounts"][0].pop("readOnly"), "may write to /host"),
    "privileged": (lambda o: exporter_of(o)["securityContext"].update(privileged=True), "may get more rights"),
    "a capability": (
        lambda o: exporter_of(o)["securityContext"]["capabilities"].update(add=["SYS_TIME"]),
        "has capabilities",
    ),
    "a writable image": (
        lambda o: exporter_of(o)["securityContext"].update(readOnlyRootFilesystem=False),
        "may write to its image",
    ),
    "root": (lambda o: exporter_of(o)["securityContext"].update(runAsUser=0), "is root"),
    "the node's network": (lambda o: pod_of(o).update(hostNetwork=True), "hostNetwork is shared"),
    "no filter": (lambda o: pod_of(o)["securityContext"].pop("seccompProfile"), "are not filtered"),
    "a token": (lambda o: pod_of(o).pop("automountServiceAccountToken"), "gets a token"),
    "rights": (
        lambda o: o.append({"kind": "ClusterRoleBinding", "metadata": {"name": "x", "namespace": "sysvitals"}}),
        "gives rights",
    ),
}


def config_name(objects: list[Object]) -> str:
    [name] = [volume["configMap"]["name"] for volume in pod_of(objects)["volumes"] if "configMap" in volume]
    return str(name)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(everything: list[Object], fault: str) -> None:
    plant, words = PLANTED[fault]
    objects = copy.deepcopy(everything)
    plant(objects)
    assert any(words in found for found in find_faults(objects)), find_faults(objects)


def test_the_namespace_comes_before_what_goes_into_it(everything: list[Object]) -> None:
    assert [place for place, each in enumerate(everything) if each["kind"] == "Namespace"] == [0]


def test_the_image_is_that_of_this_version(everything: list[Object]) -> None:
    pod = pod_of(everything)
    assert {container["image"] for container in pod["containers"] + pod["initContainers"]} == {IMAGE}


def test_the_user_is_the_images_own_and_owns_the_history(everything: list[Object]) -> None:
    [user] = re.findall(r"^USER (\S+)$", (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    pod = pod_of(everything)
    context = pod["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
    [owner] = pod["initContainers"]
    assert owner["command"] == ["chown", user, "/var/lib/sysvitals"]


def test_nobody_but_the_namespace_of_prometheus_may_ask_and_the_exporter_asks_nobody(everything: list[Object]) -> None:
    policy = find(everything, "NetworkPolicy")["spec"]
    [rule] = policy["ingress"]
    [source] = rule["from"]
    assert source == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert policy["egress"] == []
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}


def test_the_history_stays_on_the_node_when_the_pod_goes(everything: list[Object]) -> None:
    [volume] = [volume for volume in pod_of(everything)["volumes"] if volume["name"] == "history"]
    assert volume["hostPath"] == {"path": "/var/lib/sysvitals", "type": "DirectoryOrCreate"}


def test_the_exporter_goes_to_every_node_with_linux(everything: list[Object]) -> None:
    pod = pod_of(everything)
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}


@pytest.mark.parametrize("folder", ["base", "overlay"])
def test_settings_are_ones_that_the_program_takes(folder: str) -> None:
    command = [sys.executable, "-m", "sysvitals", "check-config", str(FOLDER / folder / "sysvitals.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- schemas


@pytest.mark.parametrize(
    "entry", ["deploy/kubernetes", "deploy/kubernetes/base", "deploy/kubernetes/operator", "grafana"]
)
def test_every_entry_is_built_and_meets_the_published_schemas(entry: str) -> None:
    objects = build(ROOT / entry)
    assert objects
    for each in objects:
        check_schema(each)


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("DaemonSet", lambda each: each["spec"]["template"]["spec"].update(hostNetworks=True)),
        ("DaemonSet", lambda each: each["spec"].pop("selector")),
        ("NetworkPolicy", lambda each: each["spec"].update(ingress={})),
        ("ServiceMonitor", lambda each: each["spec"]["endpoints"][0].update(relabeling=[])),
        ("ServiceMonitor", lambda each: each["spec"]["endpoints"][0]["relabelings"][0].update(action="rename")),
        ("ServiceMonitor", lambda each: each["spec"].pop("selector")),
        ("PrometheusRule", lambda each: each["spec"]["groups"][0]["rules"][0].update(expression="1")),
        ("PrometheusRule", lambda each: each["spec"]["groups"][0].pop("name")),
    ],
)
def test_a_schema_refuses_what_an_api_server_would(
    everything: list[Object], kind: str, spoil: Callable[[Object], object]
) -> None:
    each = copy.deepcopy(next(each for each in everything if each["kind"] == kind))
    spoil(each)
    with pytest.raises((ValueError, jsonschema.ValidationError)):
        check_schema(each)


def test_no_object_is_larger_than_kubernetes_stores(everything: list[Object]) -> None:
    sizes = {each["metadata"]["name"]: len(json.dumps(each)) for each in everything}
    assert max(sizes.values()) < MIB


def test_a_plain_apply_has_room_for_each_object_too(everything: list[Object]) -> None:
    sizes = {each["metadata"]["name"]: len(json.dumps(each)) for each in everything}
    assert {name for name, size in sizes.items() if size >= CLIENT_SIDE_LIMIT} == set()


# --- rules and dashboards are those of everyone else


def test_the_rules_are_those_of_the_rulebook(everything: list[Object]) -> None:
    built = {each["metadata"]["name"]: each["spec"] for each in everything if each["kind"] == "PrometheusRule"}
    rules = ROOT / "prometheus/rules"
    assert built == {f"sysvitals-{subject.name}": read_yaml(rules / f"{subject.name}.yml") for subject in SUBJECTS}


def test_promtool_takes_every_prometheus_rule(everything: list[Object], tmp_path: Path) -> None:
    rules = [each for each in everything if each["kind"] == "PrometheusRule"]
    for each in rules:
        write_yaml(tmp_path / f"{each['metadata']['name']}.yml", each["spec"])
    files = sorted(tmp_path.glob("*.yml"))
    command = [need_tool("promtool"), "check", "rules", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(files) == len(SUBJECTS)


def test_each_dashboard_is_a_config_map_byte_by_byte(everything: list[Object]) -> None:
    labelled = [each for each in everything if each["metadata"]["labels"].get("grafana_dashboard") == "1"]
    files = {name: text for each in labelled for name, text in each["data"].items()}
    assert files == {f"sysvitals-{path.name}": path.read_text(encoding="utf-8") for path in DASHBOARDS}
    assert len(labelled) == len(DASHBOARDS)


def test_the_operator_is_shown_every_rule_and_monitor_by_the_name_of_its_release(everything: list[Object]) -> None:
    labels = [each["metadata"]["labels"] for each in everything if each["apiVersion"].startswith("monitoring")]
    assert {each["release"] for each in labels} == {"kube-prometheus-stack"}
    assert len(labels) == len(SUBJECTS) + 1


# --- what users change


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """The folder as a user copies it beside a checkout."""
    (tmp_path / "sysvitals").symlink_to(ROOT)
    return Path(shutil.copytree(FOLDER / "overlay", tmp_path / "mine"))


def test_an_overlay_changes_what_it_names_and_nothing_else(everything: list[Object], overlay: Path) -> None:
    mine = build(overlay)
    pod = pod_of(mine)
    images = {container["image"] for container in pod["containers"] + pod["initContainers"]}
    assert images == {f"registry.example.org/sysvitals:{__version__}"}
    assert (
        find(mine, "ConfigMap", config_name(mine))["data"]["sysvitals.yml"] == (overlay / "sysvitals.yml").read_text()
    )
    releases = {each["metadata"]["labels"]["release"] for each in mine if each["apiVersion"].startswith("monitoring")}
    assert releases == {"prometheus"}
    assert "observability" in json.dumps(find(mine, "NetworkPolicy"))
    assert find_faults(mine) == []
    names = [
        [each["metadata"]["name"] for each in objects if each["kind"] != "ConfigMap"] for objects in (everything, mine)
    ]
    assert sorted(names[0]) == sorted(names[1])


@pytest.mark.parametrize(
    ("component", "words"),
    [("firmware", ['"squat.ai/vcio": 1', '"supplementalGroups": [44]']), ("selinux", ['"type": "spc_t"'])],
)
def test_a_component_adds_what_it_says(overlay: Path, component: str, words: list[str]) -> None:
    file = overlay / "kustomization.yaml"
    text = file.read_text(encoding="utf-8").replace("#components:", "components:")
    file.write_text(re.sub(rf"#(  - \S+/{component})", r"\1", text), encoding="utf-8")
    mine = build(overlay)
    for each in mine:
        check_schema(each)
    assert find_faults(mine) == []
    assert [word for word in words if word not in json.dumps(find(mine, "DaemonSet"))] == []


# --- how Prometheus finds the exporter, and what it calls it


def test_limits_are_those_of_every_other_prometheus(everything: list[Object]) -> None:
    jobs = {job["job_name"]: job for job in read_yaml(ROOT / "prometheus/prometheus.yml")["scrape_configs"]}
    limits = {key: value for key, value in jobs["sysvitals"].items() if key.endswith("_limit")}
    [pasted] = read_yaml(FOLDER / "prometheus-scrape.yml")["scrape_configs"]
    assert {key: value for key, value in pasted.items() if key.endswith("_limit")} == limits
    monitor = find(everything, "ServiceMonitor")["spec"]
    of_monitor = {re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", key): value for key, value in monitor.items()}
    assert {key: value for key, value in of_monitor.items() if key.endswith("_limit")}.items() <= limits.items()


def generate_scrape_job(monitor: Object) -> Object:
    """What the Prometheus Operator makes of a ServiceMonitor, as far as labels go (its promcfg.go)."""
    [endpoint] = monitor["spec"]["endpoints"]
    [(label, value)] = monitor["spec"]["selector"]["matchLabels"].items()
    meta = "__meta_kubernetes_service_label_" + re.sub(r"\W", "_", label)
    own = [{to_snake(key): value for key, value in rule.items()} for rule in endpoint["relabelings"]]
    return {
        "job_name": "serviceMonitor/sysvitals/sysvitals/0",
        "metrics_path": endpoint["path"],
        "relabel_configs": [
            {
                "source_labels": [meta, meta.replace("_label_", "_labelpresent_")],
                "regex": f"({value});true",
                "action": "keep",
            },
            {"source_labels": ["__meta_kubernetes_endpoint_port_name"], "regex": endpoint["port"], "action": "keep"},
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": ["__meta_kubernetes_service_name"], "target_label": "service"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            {"source_labels": ["__meta_kubernetes_pod_container_name"], "target_label": "container"},
            {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)", "action": "drop"},
            {"source_labels": ["__meta_kubernetes_service_name"], "target_label": "job"},
            {"target_label": "endpoint", "replacement": endpoint["port"]},
            *own,
        ],
    }


def to_snake(name: str) -> str:
    return re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name)


def discover_endpoints(objects: list[Object], address: str, node: str) -> dict[str, str]:
    """What discovery with `role: endpoints` tells of the exporter on this node, in Prometheus's documented words."""
    service = find(objects, "Service")
    return {
        **discover_pod(objects, address, node),
        "__meta_kubernetes_endpoint_address_target_kind": "Pod",
        "__meta_kubernetes_endpoint_address_target_name": f"sysvitals-{node}",
        "__meta_kubernetes_endpoint_port_name": service["spec"]["ports"][0]["name"],
        "__meta_kubernetes_service_name": service["metadata"]["name"],
        **name_labels("service", service["metadata"]["labels"]),
    }


def discover_pod(objects: list[Object], address: str, node: str) -> dict[str, str]:
    """The same with `role: pod`."""
    daemonset = find(objects, "DaemonSet")
    [container] = daemonset["spec"]["template"]["spec"]["containers"]
    return {
        "__address__": address,
        "__meta_kubernetes_namespace": daemonset["metadata"]["namespace"],
        "__meta_kubernetes_pod_name": f"sysvitals-{node}",
        "__meta_kubernetes_pod_node_name": node,
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_container_name": container["name"],
        "__meta_kubernetes_pod_container_port_name": container["ports"][0]["name"],
        **name_labels("pod", daemonset["spec"]["template"]["metadata"]["labels"]),
    }


def name_labels(kind: str, labels: dict[str, str]) -> dict[str, str]:
    names = {re.sub(r"\W", "_", name): value for name, value in labels.items()}
    values = {f"__meta_kubernetes_{kind}_label_{name}": value for name, value in names.items()}
    return values | {f"__meta_kubernetes_{kind}_labelpresent_{name}": "true" for name in names}


def scrape(
    job: Object, discover: Callable[[list[Object], str, str], dict[str, str]], objects: list[Object], folder: Path
) -> list[tuple[dict[str, str], float]]:
    """`up` of two nodes and of a stranger, as a real Prometheus has it with this job. The second node is silent."""
    with run_exporter(folder, "exporter", "--no-history") as address:
        nodes = {"pi-attic": address, "pi-garden": f"127.0.0.1:{free_port()}"}
        found = [discover(objects, where, node) for node, where in nodes.items()]
        found.append({key: "other" if "label_" in key else value for key, value in found[0].items()})
        etc = folder / "etc"
        etc.mkdir()
        groups = [{"targets": [each.pop("__address__")], "labels": each} for each in found]
        write_yaml(etc / "targets.yml", groups)
        own = {key: value for key, value in job.items() if key != "kubernetes_sd_configs"}
        own |= {"file_sd_configs": [{"files": ["targets.yml"]}], "scrape_interval": "1s", "scrape_timeout": "1s"}
        write_yaml(etc / "prometheus.yml", {"scrape_configs": [own]})
        with run_prometheus(etc) as prometheus:
            return wait_for_scrapes(prometheus)


def wait_for_scrapes(prometheus: Prometheus) -> list[tuple[dict[str, str], float]]:
    wait_until(lambda: len(prometheus.query("up")) == 2, "both nodes are scraped")
    wait_until(lambda: prometheus.query("sysvitals_build_info"), "the one that answers has metrics")
    assert prometheus.query('{__name__=~".+", exported_container!=""}') == []
    return prometheus.query("up")


def test_the_operators_prometheus_calls_a_host_by_its_node_and_forgets_the_pod(
    everything: list[Object], tmp_path: Path
) -> None:
    found = scrape(generate_scrape_job(find(everything, "ServiceMonitor")), discover_endpoints, everything, tmp_path)
    common = {"__name__": "up", "job": "sysvitals", "namespace": "sysvitals"}
    assert sorted(found, key=lambda row: row[0]["instance"]) == [
        (common | {"instance": "pi-attic"}, 1),
        (common | {"instance": "pi-garden"}, 0),
    ]


def test_a_prometheus_without_operator_calls_a_host_by_its_node(everything: list[Object], tmp_path: Path) -> None:
    [job] = read_yaml(FOLDER / "prometheus-scrape.yml")["scrape_configs"]
    found = scrape(job, discover_pod, everything, tmp_path)
    common = {"__name__": "up", "job": "sysvitals"}
    assert sorted(found, key=lambda row: row[0]["instance"]) == [
        (common | {"instance": "pi-attic"}, 1),
        (common | {"instance": "pi-garden"}, 0),
    ]


def test_the_job_to_paste_looks_at_the_pods_of_the_namespace_that_is_made(everything: list[Object]) -> None:
    [job] = read_yaml(FOLDER / "prometheus-scrape.yml")["scrape_configs"]
    space = find(everything, "Namespace")["metadata"]["name"]
    assert job["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": [space]}}]


def test_labels_that_the_operator_leaves_on_targets_are_no_labels_of_metrics() -> None:
    labels = {
        field.name
        for body in build_full_catalog().bodies.values()
        for field in fields_of(body)
        if isinstance(field.mark, Label)
    }
    assert labels & {"namespace", "job", "instance"} == set()


# --- who is told


def helm_values() -> Any:
    return read_yaml(FOLDER / "alertmanager-values.yml")["alertmanager"]


def test_alertmanager_of_the_helm_chart_is_told_what_every_other_is() -> None:
    ours = read_yaml(ROOT / "prometheus/alertmanager.yml")
    assert helm_values()["config"] == ours | {"templates": ["/etc/alertmanager/config/*.tmpl"]}


def test_amtool_takes_the_helm_charts_alertmanager_with_its_templates(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "prometheus/templates", templates)
    config = helm_values()["config"] | {"templates": [f"{templates}/*.tmpl"]}
    write_yaml(tmp_path / "alertmanager.yml", config)
    command = [need_tool("amtool"), "check-config", str(tmp_path / "alertmanager.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


def test_every_secret_is_where_the_operator_mounts_it() -> None:
    text = (FOLDER / "alertmanager-values.yml").read_text(encoding="utf-8")
    [secret] = re.findall(r"secrets: \[\] # \[([a-z-]+)\]", text)
    folders = set(
        re.findall(r"(/etc/\S+)/[a-z-]+\s", "\n".join(line for line in text.splitlines() if "_file:" in line))
    )
    assert folders == {f"/etc/alertmanager/secrets/{secret}"}


# --- the page


def test_the_page_names_only_files_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w./-])((?:deploy|prometheus|grafana|exporter)/[\w./-]*\w)", text))
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert len(named) > 5


def test_yaml_on_the_page_is_yaml() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert all(yaml.safe_load(block) for block in blocks)
