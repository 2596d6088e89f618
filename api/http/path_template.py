"""Flask's rules as the templates of paths that OpenAPI has."""

from __future__ import annotations

import re

_PARAMETER = re.compile(r"<(?:[^<>]*:)?(\w+)>")


def path_template(rule: str) -> str:
    """Return the template of a rule: `/v1/nodes/{node}/info` for `/v1/nodes/<node>/info`."""
    return _PARAMETER.sub(r"{\1}", rule)
