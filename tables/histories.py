"""Histories: daily tiles (additive partial aggregates by event day and known day) and sequences."""

from tables.contract import load

USER_DAYS = load("user_days")
ITEM_DAYS = load("item_days")
USER_ITEM_DAYS = load("user_item_days")
ITEM_EXPOSURE_DAYS = load("item_exposure_days")
SEQUENCES = load("sequences")
