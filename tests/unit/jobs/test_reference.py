"""The generated reference: what its pages say, that they do not vary, and that a stale one is named."""

from importlib.metadata import entry_points

import pytest
from click.testing import CliRunner

from ingest.log_mapping import EventAmount, EventsLog, ExposuresLog
from ingest.source_config import CandidateSampler, Source
from longplay.errors import QualityError
from longplay.registry.registry import load, shipped_definitions
from tables import catalog
from tools import generate_reference
from tools.generate_reference import check_pages, pages, write_pages
from tools.step_tables import fill_step_tables, find_stale_pages


@pytest.fixture(scope="module")
def page_texts() -> dict[str, str]:
    return pages()


def section(page: str, heading: str) -> str:
    return page.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]


def test_pages_are_the_same_each_time(page_texts):
    assert pages() == page_texts
    assert sorted(page_texts) == ["commands.md", "expressions.md", "features.md", "reward.schema.json", "rewards.md",
        "settings.md", "signal.schema.json", "signals.md", "sources.md", "tables.md"]  # fmt: skip


def test_every_table_lists_every_column(page_texts):
    for spec in catalog.ALL.values():
        section_text = section(page_texts["tables.md"], f"## {spec.name}")
        for column in spec.columns:
            null = "yes" if column.nullable else "no"
            assert f"| `{column.name}` | `{column.type}` | {null} | {column.meaning} |" in section_text
    assert "Mode: append" in section(page_texts["tables.md"], "## events")
    assert "Mode: replace" in section(page_texts["tables.md"], "## training_set")


def test_windows_are_intervals_with_units(page_texts):
    user, item = (section(page_texts["features.md"], f"## {view}") for view in ("user_features", "item_features"))
    assert "| `f_user_clicks_28d` | number of clicks | `[as_of - 28 d, as_of)` | events | 0 |" in user
    assert "`f_user_tenure_days` | time since first seen | `(-inf, as_of)` | days | null |" in user
    assert "`[day(as_of) - 7 d, day(as_of))`" in item
    assert "`f_item_clicks_28d` / (`f_item_exposures_28d`)" in item


def test_signals_carry_their_window_and_hash(page_texts):
    for definition in load([shipped_definitions()]).newest():
        section_text = section(page_texts["signals.md"], f"## {definition.ref}")
        assert f"| hash | `{definition.hash}` |" in section_text
        assert f"| window | `{definition.window.text()}` |" in section_text


def test_rewards_say_what_they_are_made_of(page_texts):
    section_text = section(page_texts["rewards.md"], "## lasting_value@1")
    assert "0.9 * 0.369269 * log1p(clip(long_term_q_59d@1, 0, 14))" in section_text
    assert " + -0.3 * regret@1" in section_text
    assert "| bounds | `[0, 1]` |" in section_text


def test_sources_say_what_the_files_say(page_texts):
    world, retail = (section(page_texts["sources.md"], f"## {name}") for name in ("world", "online_retail"))
    assert "| `events.consumption.kinds` | `play` |" in world
    assert "| `events.consumption.min_amount` | `30.0` |" in world
    assert '`{"reason": "no_price", "where": "UnitPrice <= 0"}`' in retail
    assert "the source's filters in their order, unknown_kind, bad_amount" in page_texts["sources.md"]


@pytest.mark.parametrize("model", [Source, EventsLog, ExposuresLog, EventAmount, CandidateSampler])
def test_every_key_of_a_source_is_there(page_texts, model):
    section_text = page_texts["sources.md"].split(f"\n### {model.__name__}\n", 1)[1].split("\n### ", 1)[0]
    assert [line.split("`")[1] for line in section_text.splitlines() if line.startswith("| `")] == list(
        model.model_fields
    )


def test_keys_tell_type_limits_and_default(page_texts):
    assert "| `per_request` | integer, at least `1`, at most `1000` | required |" in page_texts["sources.md"]
    assert "| `delay` | duration, such as `24 h` | `0 s` |" in page_texts["sources.md"]
    assert "| `status` | `draft` or `published` or `deprecated` | required |" in page_texts["signals.md"]
    assert "| `max_depth` | integer, at least `1`, at most `16` | `5` | depth of a tree. |" in page_texts["settings.md"]
    assert "| `deploy.entropy_share` | `0.7` |" in page_texts["settings.md"]


def test_every_command_shows_its_help(page_texts):
    for point in entry_points(group="longplay.commands"):
        assert f"Usage: longplay {point.name} [OPTIONS]" in section(
            page_texts["commands.md"], f"## longplay {point.name}"
        )
    assert "Usage: longplay signals show [OPTIONS] NAME" in page_texts["commands.md"]


def test_written_pages_pass_the_check(tmp_path):
    (tmp_path / "gone.md").write_text("no longer made")
    write_pages(tmp_path)
    check_pages(tmp_path)
    assert not (tmp_path / "gone.md").exists()


def test_a_stale_page_is_named(tmp_path, monkeypatch):
    write_pages(tmp_path)
    (tmp_path / "tables.md").write_text("edited by hand")
    (tmp_path / "signals.md").unlink()
    (tmp_path / "extra.md").write_text("")
    with pytest.raises(QualityError) as caught:
        check_pages(tmp_path)
    assert caught.value.got == "extra.md, signals.md, tables.md"

    monkeypatch.setattr(generate_reference, "FOLDER", tmp_path)
    failed = CliRunner().invoke(generate_reference.command, ["--check"])
    assert failed.exit_code == QualityError.exit_code
    assert "make docs" in failed.output
    assert (tmp_path / "tables.md").read_text() == "edited by hand"


def test_a_page_with_a_stale_table_of_steps_is_named_and_filled(tmp_path):
    page = tmp_path / "docs" / "steps.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- steps: step, command, reads -->\nold\n<!-- end of steps -->\nafter\n")
    (tmp_path / "README.md").write_text("no table")
    assert find_stale_pages(tmp_path) == ["docs/steps.md"]
    (text,) = fill_step_tables(tmp_path).values()
    page.write_text(text)
    assert find_stale_pages(tmp_path) == []
    lines = text.splitlines()
    assert (lines[0], lines[2], lines[-1]) == ("before", "| step | command | reads |", "after")
    assert "| 1 | `longplay ingest` | the raw log, one source file |" in lines
    assert not any("`longplay maintain`" in line for line in lines)  # it reads and publishes no table of the pipeline
