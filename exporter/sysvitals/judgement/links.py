"""Where the project's pages are, for messages and pages that lead there."""

PROJECT_URL = "https://github.com/sysvitals/sysvitals"
RUNBOOK_URL = f"{PROJECT_URL}/blob/main/prometheus/RUNBOOK.md"
"""Each alert has a section of its own, whose anchor is the alert's name in lower case."""
