"""Watches a running exporter from a terminal."""
