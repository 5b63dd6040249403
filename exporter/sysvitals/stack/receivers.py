"""A web hook of the command line in our `alertmanager.yml`, for as long as that file is not the user's own."""

import json
import re
from collections.abc import Sequence

_RECEIVER = re.compile(rb"(?m)^  - name: (?:people|digest)$")


def add_webhooks(content: bytes, urls: Sequence[str]) -> bytes:
    """Let each of these addresses be sent what is for people, and what is good to know, as Alertmanager's JSON."""
    if not urls:
        return content
    hooks = "".join(f"\n      - url: {json.dumps(url)}" for url in urls)  # JSON is YAML
    return _RECEIVER.sub(lambda found: found[0] + f"\n    webhook_configs:{hooks}".encode(), content)
