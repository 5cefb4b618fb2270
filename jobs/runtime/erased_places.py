"""Places beside the tables that may hold a person: what `longplay erase` searches and removes there."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import functions as F

from jobs.runtime.lost_items import REBUILT_TABLES, read_fact_values
from jobs.runtime.run_context import RunContext
from longplay.paths import SourcePaths, StorePaths, record_files
from longplay.server.index.paths import default_cache, list_index_folders, may_index
from quality.verdict_erasure import ValuesByCheck, erase_from_pages, erase_from_verdicts
from rankers.tracking.mlflow_tracker import Tracker
from rankers.tracking.model_erasure import erase_from_models
from tables import catalog
from tables.checks import Sampled
from tables.erasure.person_search import PersonSearch
from tables.erasure.receipts import SearchedPlace

MAX_FILES_SHOWN = 5


def erase_outside_tables(context: RunContext, user: str, caches: Sequence[Path]) -> dict[str, SearchedPlace]:
    """Erase a person from every place beside the tables, whose facts must be erased already; counts by place.

    Args:
        context: the run.
        user: id of the person.
        caches: roots of look-up indexes beside the default one.
    """
    places = {
        "rejected and staged rows": _erase_unpublished(context.folder, user),
        **_erase_verdicts(context, user),
        "look-up indexes": _erase_indexes(context, [default_cache(), *caches]),
        **_erase_models(context),
    }
    return places | {"other files": _search_other_files(context, user)}


def find_unpublished(folder: Path, user: str) -> list[Path]:
    """Folders of rejected rows, or of rows that a killed run left staged, which hold rows of a person."""
    search = PersonSearch(user)
    folders = SourcePaths(folder).unpublished_folders()
    return [rows for rows in folders if any(map(search.is_in_file, rows.rglob("*.parquet")))]


def _erase_unpublished(folder: Path, user: str) -> SearchedPlace:
    """Remove unpublished folders of the person, and those of tables that aggregate over people."""
    folders = SourcePaths(folder).unpublished_folders()
    aggregates = tuple(f"{table}-" for table in REBUILT_TABLES)
    removed = {*find_unpublished(folder, user), *(rows for rows in folders if rows.name.startswith(aggregates))}
    for rows in removed:
        shutil.rmtree(rows)
    return SearchedPlace(len(folders), len(removed))


def _erase_verdicts(context: RunContext, user: str) -> dict[str, SearchedPlace]:
    paths, search = SourcePaths(context.folder), PersonSearch(user)
    tables = [table for table in catalog.ALL if context.store.exists(table)]
    values = {table: _read_remembered_values(context, table) for table in tables}
    changed = erase_from_verdicts(paths.verdicts, search.names_person, values)
    pages = SearchedPlace(*erase_from_pages(paths.verdict_pages, search.names_person))
    return {"verdicts": SearchedPlace(len(record_files(paths.verdicts)), changed), "pages of verdicts": pages}


def _read_remembered_values(context: RunContext, table: str) -> ValuesByCheck:
    """The values that a table still has, by the check whose memory names values (a mix)."""
    mixes = [check for check in catalog.get(table).checks if isinstance(check, Sampled) and check.shape == "mix"]
    if not mixes:
        return {}
    # As the sample of a publication writes them (quality.measure.sample.count_values).
    texts = [[F.coalesce(F.expr(sql).cast("string"), F.lit("(null)")) for sql in check.columns] for check in mixes]
    row = context.store.read(table).agg(*[F.collect_set(F.concat_ws("\x1f", *parts)) for parts in texts]).first()
    return {check.name: row[n] for n, check in enumerate(mixes)} if row is not None else {}


def _erase_indexes(context: RunContext, caches: Sequence[Path]) -> SearchedPlace:
    """Remove the indexes of the store's tables, which hold copies of them; a running server builds its own again."""
    folders = {index for cache in caches for index in list_index_folders(cache.absolute(), context.source.name)}
    removed = [index for index in folders if may_index(index, context.folder)]
    for index in removed:
        shutil.rmtree(index)
    return SearchedPlace(len(folders), len(removed))


def _erase_models(context: RunContext) -> dict[str, SearchedPlace]:
    store = StorePaths.from_address(context.root)
    if not store.tracking_database.exists():
        return {}
    items = {row[0] for row in read_fact_values(context, "item_id").collect()}
    folders = Tracker(store.tracking_database, store.tracking_artifacts).artifact_folders(context.source.name)
    erasures = [erase_from_models(folder, items) for folder in folders]
    models = sum(erasure.models for erasure in erasures)
    return {
        "example rows of models": SearchedPlace(models, sum(erasure.examples for erasure in erasures)),
        "vocabularies of models": SearchedPlace(models, sum(erasure.vocabularies for erasure in erasures)),
    }


def _search_other_files(context: RunContext, user: str) -> SearchedPlace:
    """Search what erasures leave as it is: records and pages of the source, and MLflow's store. Names what it finds."""
    store, tables = StorePaths.from_address(context.root), SourcePaths(context.folder).table_names()
    roots = [entry for entry in context.folder.iterdir() if entry.name not in tables]
    roots += [store.tracking_database, store.tracking_artifacts]
    files = [file for root in roots for file in [root, *root.rglob("*")] if file.is_file()]
    naming = [file for file in files if PersonSearch(user).is_in_file(file)]
    if naming:
        shown = ", ".join(map(str, naming[:MAX_FILES_SHOWN])) + (", ..." if len(naming) > MAX_FILES_SHOWN else "")
        context.progress.say(f"warning: {len(naming):,} files still contain the id as a word; check them: {shown}")
    return SearchedPlace(len(files), 0, len(naming))
