"""The settings of a cluster for stories: features that Cassandra has switched off by default."""

from __future__ import annotations

import json

SETTINGS = {
    "CASSANDRA_YAML": json.dumps(
        {
            "materialized_views_enabled": True,
            "sasi_indexes_enabled": True,
            "user_defined_functions_enabled": True,
            "dynamic_data_masking_enabled": True,
            # Cassandra's own give up after seconds, in which a machine with much to do may not write to its disk.
            "read_request_timeout": "30s",
            "range_request_timeout": "30s",
            "write_request_timeout": "30s",
        }
    )
}
