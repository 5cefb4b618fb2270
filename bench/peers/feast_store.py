"""A Feast store over one Parquet file, without a registry server or an online store."""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureStore, FeatureView, Field, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType


def store(
    folder: str, offline: Any, source: Any, columns: list[str], keys: Sequence[str] = ("user_id",)
) -> FeatureStore:
    repo = Path(tempfile.mkdtemp(prefix="feast-"))
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(repo / "registry.db"),
        offline_store=offline,
        online_store=None,
        entity_key_serialization_version=3,
    )
    feature_store = FeatureStore(config=config)
    entities = [Entity(name=key, join_keys=[key], value_type=ValueType.STRING) for key in keys]
    view = FeatureView(
        name="facts",
        entities=entities,
        ttl=timedelta(0),  # facts never expire
        schema=[Field(name=name, dtype=Float64) for name in columns],
        source=source,
        online=False,
    )
    feature_store.apply([*entities, view])
    return feature_store
