"""Builds the dashboards; `python -m grafana.builder` writes them as Grafana reads them."""
