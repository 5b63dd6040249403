"""What is chosen at the top of every dashboard: where data is, which job, which hosts."""

from grafana.builder.judging import Json
from grafana.builder.panels import DATASOURCE
from grafana.builder.queries import OURS


def variables(*, all_hosts: bool = True) -> list[Json]:
    """The variables `datasource`, `job` and `instance`, with hosts that do not answer among them.

    Without `all_hosts` a dashboard shows one host.
    """
    return [
        {
            "type": "datasource",
            "name": "datasource",
            "label": "Data source",
            "query": "prometheus",
            "regex": "",
            "refresh": 1,
            "multi": False,
            "includeAll": False,
            "hide": 0,
            "current": {},
            "options": [],
        },
        _labels("job", "Job", f"label_values(up{{{OURS}}}, job)", include_all=True),
        _labels(
            "instance",
            "Host",
            'label_values(up{job=~"$job"}, instance)',
            include_all=all_hosts,
        ),
    ]


def _labels(name: str, label: str, query: str, *, include_all: bool) -> Json:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"qryType": 5, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "regex": "",
        "refresh": 2,
        "sort": 7,
        "multi": include_all,
        "includeAll": include_all,
        "allValue": ".+",
        "allowCustomValue": False,
        "hide": 0,
        "current": {"text": ["All"], "value": ["$__all"]} if include_all else {},
        "options": [],
    }
