"""`sysvitals stack`: exporter, Prometheus, Alertmanager and Grafana as one foreground group, without containers."""
