"""All subjects, in the order of their files: what a host judges by itself too, and what only Prometheus can."""

from prometheus.rulebook import chain, host, node_exporter, recording, recording_daily, vmalert
from prometheus.rulebook.states import build_state_subject
from sysvitals.judgement.clock import rules as clock
from sysvitals.judgement.cpu import rules as cpu
from sysvitals.judgement.disk import rules as disk
from sysvitals.judgement.exporter import rules as exporter
from sysvitals.judgement.filesystem import rules as filesystem
from sysvitals.judgement.heat import rules as heat
from sysvitals.judgement.memory import rules as memory
from sysvitals.judgement.network import rules as network
from sysvitals.judgement.power import rules as power
from sysvitals.judgement.vanished import rules as vanished

JUDGED = (
    power.SUBJECT,
    heat.SUBJECT,
    host.SUBJECT,
    chain.SUBJECT,
    exporter.SUBJECT,
    clock.SUBJECT,
    filesystem.SUBJECT,
    memory.SUBJECT,
    cpu.SUBJECT,
    disk.SUBJECT,
    network.SUBJECT,
    vanished.SUBJECT,
    node_exporter.SUBJECT,
)
"""Those with alerts."""

SUBJECTS = (
    recording.SUBJECT,
    recording_daily.SUBJECT,
    *JUDGED,
    build_state_subject(JUDGED),
)

SUBJECTS_FOR_VMALERT = tuple(vmalert.SUBJECT if one is chain.SUBJECT else one for one in SUBJECTS)
"""The same with VictoriaMetrics, where vmalert sees itself otherwise. In PromQL."""
