"""Temperatures against their limits, fans, and what heat slows down."""
