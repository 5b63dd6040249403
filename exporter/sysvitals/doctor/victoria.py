"""VictoriaMetrics in Prometheus's place: what it and vmalert say of themselves, and what is asked otherwise."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sysvitals.doctor.alerts import Recipient, Sending, check_firing, check_sending, find_recipients, find_sending
from sysvitals.doctor.check import Check, absent, broken, ok, warning
from sysvitals.doctor.desk import Desk
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.prometheus import (
    Scraped,
    ThisHost,
    check_clock,
    check_duration,
    check_interval,
    check_scrape,
    check_sleeps,
    find_this_host,
    query,
)
from sysvitals.doctor.rules import Group, Loading, check_rules, load_groups, load_shipped
from sysvitals.doctor.samples import Samples, parse_samples, read_samples
from sysvitals.doctor.times import parse_duration
from sysvitals.doctor.trouble import GATEWAY, Trouble
from sysvitals.provision.shipped import shipped_folder

OLDEST = (1, 112)
"""The oldest version that was tried with our rules and works: 1.79 knows no keep_firing_for."""

_CLAIMED = {"version": "2.24.0"}
"""What all of them say in place of a version: that of the Prometheus whose interface they have."""
_NOW = "now()"
"""Its clock. `time()` is the time of the query, which lies `-search.latencyOffset` back."""
_COUNTS_FIRST = re.compile(r"\b(?:increase|changes|delta)\s*\(")
_LOOK_BACK_SECONDS = 300.0
_VERSION = re.compile(r"v(\d+)\.(\d+)")
_LOADING = Loading(
    kind="victoria-metrics",
    remedy=(
        "give vmalert our rules, and reload it: -rule='/etc/victoriametrics/rules/*.yml'\n"
        "`sysvitals provision victoria-metrics --to /etc/victoriametrics` writes them there"
    ),
)
_VMALERT_URL = (
    "-vmalert.proxyURL=http://127.0.0.1:8880 for VictoriaMetrics; or ask vmalert: --prometheus with its address"
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program of VictoriaMetrics: its name as it is installed, its version ("": not said) and its flags."""

    name: str
    version: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_vmalert(self) -> bool:
        """Whether it evaluates rules, and has no series."""
        return self.name == "vmalert"


def recognise(server: Server) -> Program | None:
    """Which program of VictoriaMetrics answers, if it is one. Raises Trouble where nothing answers."""
    try:
        text = server.get_text("/metrics")
    except Trouble as trouble:
        if trouble.kind not in ("status", "content"):
            raise
        text = ""  # a path in front of a cluster leads to no metrics
    if "vm_app_version{" in text:
        return _parse_program(parse_samples(text, server))
    try:
        return Program("VictoriaMetrics") if server.get_data("status/buildinfo") == _CLAIMED else None
    except Trouble:
        return None  # who asks for it next says what is wrong


def _parse_program(samples: Samples) -> Program:
    [(labels, _), *_] = samples.find("vm_app_version")
    flags = _parse_flags(row for row, _ in samples.find("flag"))
    name = "vmalert" if "datasource.queryStep" in flags else "VictoriaMetrics"
    return Program(name, labels.get("short_version", "").removeprefix("v"), flags)


def _parse_flags(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {row["name"]: row.get("value", "") for row in rows if "name" in row}  # a label that is empty is not stored


def examine_victoria(
    desk: Desk, server: Server, program: Program, host: ThisHost, guess: Sending
) -> tuple[Sending, list[Recipient]]:
    """What it knows of this host; how an alert would leave vmalert, and to whom."""
    desk.put(check_version(program))
    desk.take("prometheus.config", lambda: check_reloads(server, program))
    scraped: Scraped | None = None
    if program.is_vmalert:
        desk.put(
            absent(
                "prometheus.target",
                "vmalert has rules and no series: whether this host is scraped is not known",
                "--prometheus with the address of VictoriaMetrics checks that",
            )
        )
    else:
        desk.take("prometheus.clock", lambda: [check_clock(server, _NOW)])
        scraped = _examine_scrapes(desk, server, host)
    vmalert = program if program.is_vmalert else desk.attempt("prometheus.vmalert", lambda: find_vmalert(server))
    shipped = desk.attempt("rules.shipped", lambda: load_shipped(shipped_folder("victoriametrics") / "rules")) or []
    loaded = desk.attempt("prometheus.rules", lambda: load_rules(server, program))
    if loaded == [] and not program.is_vmalert:
        desk.put(broken("prometheus.rules", "VictoriaMetrics evaluates no rules, and knows no vmalert", _VMALERT_URL))
        return guess, []
    if loaded is not None:
        desk.take("prometheus.rules", lambda: check_rules(server, loaded, shipped, _LOADING))
        desk.take("prometheus.rules.language", lambda: check_language(loaded))
        if scraped is not None:
            desk.take("prometheus.alerts", lambda: check_firing(loaded, scraped))
    if loaded is not None or vmalert is not None:
        desk.take("prometheus.vmalert", lambda: check_vmalert(vmalert))
    external = parse_labels(vmalert.flags.get("external.label", "")) if vmalert else {}
    sending = desk.attempt(
        "prometheus.relabelling",
        lambda: find_sending(server, loaded or [], shipped, scraped, host.hostname, (external, {})),
    )
    desk.take("prometheus.relabelling", lambda: check_sending(sending) if sending else ())
    notifiers = desk.attempt("prometheus.alertmanagers", lambda: find_notifiers(server, program)) or []
    if loaded is not None or notifiers:
        desk.take("prometheus.alertmanagers", lambda: check_notifiers(notifiers))
    return sending or guess, find_recipients([one.url for one in notifiers if not one.is_blackhole], server)


def check_version(program: Program) -> Check:
    """Whether it is one that our rules were tried with, as far as it says: Debian's packages do not."""
    name = "prometheus.answers"
    words = f"{program.name} {program.version or '(of unknown version)'} answers"
    found = _VERSION.match(f"v{program.version}")
    if found and (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return broken(name, f"{words}: too old for our rules", f"they need {oldest} or later (keep_firing_for)")
    return ok(name, words)


def _examine_scrapes(desk: Desk, server: Server, host: ThisHost) -> Scraped | None:
    scraped, checks = desk.attempt("prometheus.target", lambda: find_this_host(server, host)) or (None, [])
    desk.take("prometheus.target", lambda: checks)
    if scraped and scraped.target and scraped.target.health == "up":
        target = scraped.target
        desk.take("prometheus.scrape_age", lambda: check_scrape(server, target, _NOW))
        desk.take("prometheus.scrape_duration", lambda: check_duration(server, target))
    if scraped:
        desk.take("prometheus.scrape_interval", lambda: check_interval(server, scraped))
        desk.take("prometheus.sleeps", lambda: check_sleeps(scraped))
    return scraped


def check_reloads(server: Server, program: Program) -> Iterator[Check]:
    """Whether configuration and rules are in force, those of vmalert where series can be asked for. Raises Trouble."""
    name = "_config_last_reload_successful"
    if program.is_vmalert:
        refused = any(value == 0 for _, value in read_samples(server).find(f"vmalert{name}"))
    else:
        refused = bool(query(server, f'{{__name__=~"(vmalert|vm_promscrape){name}"}} == 0'))
    if refused:
        yield broken(
            "prometheus.config",
            "its configuration or its rules were changed and are wrong: the old ones are in force",
            "-dryRun of victoria-metrics and vmalert names the error; then reload it",
        )


def load_rules(server: Server, program: Program) -> list[Group]:
    """The rules that vmalert has, of which VictoriaMetrics knows by asking it. Raises Trouble."""
    try:
        return load_groups(server)
    except Trouble as trouble:
        if program.is_vmalert or trouble.status not in GATEWAY:
            raise
        text = f"vmalert, which -vmalert.proxyURL names, does not answer ({trouble.status}): no rule is evaluated"
        remedy = "is vmalert running, at that address? `systemctl status vmalert`, and its log"
        raise Trouble("status", text, remedy, status=trouble.status) from None


def find_vmalert(server: Server) -> Program | None:
    """The vmalert that VictoriaMetrics scrapes, by its flags there. None where it scrapes none. Raises Trouble."""
    # flags of an earlier start may still be found, with an older time
    rows = query(server, "timestamp(flag) and on (job, instance) vmalert_execution_total")
    if not rows:
        return None
    rows.sort(key=lambda row: row[1])
    newest = rows[-1][0].get("instance")
    return Program("vmalert", flags=_parse_flags(labels for labels, _ in rows if labels.get("instance") == newest))


def check_language(loaded: Iterable[Group]) -> Iterator[Check]:
    """Whether vmalert has our rules for VictoriaMetrics, and not those for Prometheus."""
    wrong = sorted(
        {
            rule.name
            for group in loaded
            if group.name.startswith("sysvitals-")
            for rule in group.rules
            if _COUNTS_FIRST.search(rule.expression)
        }
    )
    if wrong:
        yield broken(
            "prometheus.rules.language",
            f"vmalert has our rules for Prometheus ({', '.join(wrong[:3])} …): VictoriaMetrics counts the first value"
            " of a new series as an increase, so a host that is added raises false alerts",
            _LOADING.remedy,
        )


def check_vmalert(vmalert: Program | None) -> Iterator[Check]:
    """Whether the flags of vmalert are such that our rules work."""
    name = "prometheus.vmalert"
    if vmalert is None:
        yield absent(name, "vmalert is not scraped: its flags and failures are not known", "our scrape.yml scrapes it")
        return
    flags = vmalert.flags
    problems = list(_find_flag_problems(flags))
    for text, remedy in problems:
        yield warning(name, text, remedy)
    if not problems:
        delay = flags.get("rule.evalDelay", "30s")
        yield ok(name, f"vmalert keeps its state and looks back far enough; it evaluates what was {delay} ago")


def _find_flag_problems(flags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not flags.get("remoteWrite.url"):
        yield (
            "vmalert writes nothing back: what recording rules make is missing, and alerts that need it stay silent",
            "-remoteWrite.url with the address of VictoriaMetrics",
        )
    if not flags.get("remoteRead.url"):
        yield (
            "vmalert forgets at a restart which alerts wait or fire",
            "-remoteRead.url with the address of VictoriaMetrics",
        )
    if 0 < (step := parse_go_duration(flags.get("datasource.queryStep", "5m"))) < _LOOK_BACK_SECONDS:
        yield (
            f"vmalert looks back {step:g} s only (-datasource.queryStep): series that come more seldom vanish",
            "leave that flag out: 5m is the default, as in Prometheus",
        )


class Notifier(NamedTuple):
    """An Alertmanager that vmalert sends to, and what went wrong there last, as far as it is said."""

    url: str
    error: str = ""

    @property
    def is_blackhole(self) -> bool:
        """Whether it stands for none: vmalert was told to send nothing."""
        return self.url == "blackhole"


def find_notifiers(server: Server, program: Program) -> list[Notifier]:
    """Those of vmalert's list, which later versions have, else of its metrics. Raises Trouble."""
    try:
        found = server.get_data("notifiers")["notifiers"] or []
        targets = [target for one in found for target in one.get("targets") or ()]
        return [Notifier(target["address"], target.get("lastError") or "") for target in targets]
    except Trouble as trouble:
        if trouble.status is None:
            raise
    sent = "vmalert_alerts_sent_total"
    rows = read_samples(server).find(sent) if program.is_vmalert else query(server, sent)
    found = {Notifier(labels.get("addr", "")) for labels, _ in rows}
    return sorted(one for one in found if one.is_blackhole or one.url.startswith("http"))  # else it is kept secret


def check_notifiers(notifiers: list[Notifier]) -> Iterator[Check]:
    """Whether it is known to whom alerts go, and whether they arrive."""
    name = "prometheus.alertmanagers"
    if any(one.is_blackhole for one in notifiers):
        yield broken(
            name,
            "vmalert sends no alert to anyone (-notifier.blackhole)",
            "-notifier.url=http://127.0.0.1:9093 instead",
        )
        return
    failing = [one for one in notifiers if one.error]
    for one in failing:
        yield broken(name, f"vmalert cannot send to {one.url}: {one.error}", "does Alertmanager run, at that address?")
    if notifiers and not failing:
        yield ok(name, f"vmalert sends alerts to {', '.join(one.url for one in notifiers)}")
    if not notifiers:
        yield warning(
            name,
            "it is not known to which Alertmanager vmalert sends",
            "-notifier.url=http://127.0.0.1:9093 names it to vmalert, --alertmanager URL to the doctor",
        )


def parse_labels(text: str) -> dict[str, str]:
    """Of vmalert's flag `-external.label`: `name=value`, several with commas between."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def parse_go_duration(text: str) -> float:
    """Seconds of a duration as Go prints it, `5m0s`. What is none is taken for the default of five minutes."""
    try:
        return parse_duration(text)
    except ValueError:
        return _LOOK_BACK_SECONDS
