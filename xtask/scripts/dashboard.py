"""Reads a dashboard into Grafana's own models and back: what gets lost on the way, Grafana doesn't know.

Usage: dashboard.py <file>
"""

import json
import sys

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(before, after, path):
    """What is not in `after` as it is in `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (left, right) in enumerate(zip(before, after)):
            yield from lost(left, right, f"{path}[{index}]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


plugins.register_default_plugins()
with open(sys.argv[1], encoding="utf-8") as file:
    written = json.load(file)
read = json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))
unknown = list(lost(written, read, ""))
print("\n".join(unknown) or f"{len(written['panels'])} panels, nothing unknown")
sys.exit(1 if unknown else 0)
