"""Grafana dashboards as code. Of the service it knows the metric names and nothing else."""
