"""What Kubernetes is given: mostly files as they are, and those that are made of the project's own values."""
