"""The alert and recording rules as values; `python -m prometheus.rulebook` writes them as Prometheus reads them."""
