"""Manifests: what a set rests on is written down, read back as it was, and held against what there is now."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from features.shipped_views import hash_features
from jobs.verify import describe_changed_features
from longplay.registry.registry import default_registry
from rankers.dataset.manifest import Manifest
from rankers.dataset.training_set import SplitPlan
from signals.maturity import Knowledge, OutageFlag

MOMENT, DAY = datetime(2026, 5, 1, tzinfo=UTC), timedelta(days=1)
CLICK = default_registry().get("click")
NOW = Knowledge(MOMENT, MOMENT, MOMENT - 90 * DAY)
THEN = replace(
    NOW,
    outages=((MOMENT - 9 * DAY, MOMENT - 8 * DAY),),
    flags=(
        OutageFlag(MOMENT - 5 * DAY, MOMENT - 4 * DAY, MOMENT - DAY, None),
        OutageFlag(MOMENT, MOMENT + DAY, MOMENT, MOMENT),
    ),
)
PLAN = SplitPlan.from_watermark(MOMENT, CLICK.horizon, (28, 7, 14))
BARE = Manifest.from_release({"release_id": "r", "batch": 3, "known_at": MOMENT}, [CLICK], PLAN, "code")


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    for manifest in (BARE, BARE.with_knowledge(THEN), BARE.with_knowledge(NOW)):
        assert Manifest.from_json(manifest.to_json("1:ab", {"erasures": [1]})) == (manifest, "1:ab")


def test_outages_that_are_found_or_told_later_change_no_earlier_set() -> None:
    later = replace(NOW, outages=(*THEN.outages, (MOMENT - 3 * DAY, MOMENT - 2 * DAY)), watermark=MOMENT + DAY)
    restored = BARE.with_knowledge(THEN).restore_knowledge(later)
    assert (restored.outages, restored.flags, restored.watermark) == (THEN.outages, THEN.flags, MOMENT + DAY)
    assert BARE.restore_knowledge(later) == later  # a manifest of an earlier version does not say which there were


def test_features_that_changed_or_went_are_named_and_added_ones_are_not() -> None:
    manifest_json = json.loads(BARE.with_knowledge(THEN).to_json("1:ab", {}))
    assert manifest_json["features"] == hash_features()
    added, changed, *_ = manifest_json["features"]
    then = {**hash_features(), changed: "another", "f_user_mood": "gone"}
    del then[added]
    assert describe_changed_features(replace(BARE, features=then)) == [
        "the feature f_user_mood no longer exists",
        f"the feature {changed} means something else now",
    ]
    assert describe_changed_features(BARE.with_knowledge(NOW)) == describe_changed_features(BARE) == []


def test_each_feature_has_a_meaning_of_its_own() -> None:
    assert len(set(hash_features().values())) == len(hash_features())
