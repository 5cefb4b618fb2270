"""``longplay signals search|diff|history|consumers``: look-ups in the registry. Starts no Spark and no Java."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longplay.commands.options import with_definitions, with_page, with_target
from longplay.errors import ConfigError, nearest
from longplay.registry.location import CommandTarget, ListPage
from longplay.registry.usage import CONSUMER_KINDS

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition
    from longplay.registry.layered import LayeredRegistry
    from longplay.registry.registry import Registry


@click.command(short_help="Find signals by words.")
@click.argument("words", nargs=-1, required=True)
@with_page
@with_definitions
def search(place: CommandTarget, words: tuple[str, ...], page: ListPage) -> None:
    """Find signals whose name, title, description, tags or owner say all WORDS; a word may be a beginning.

    A table shows the 50 best unless --limit says otherwise; --json shows all.

    Example: longplay signals search habit weekly
    """
    from longplay.commands import output
    from longplay.registry.registry import open_layers

    with closing(open_layers(place.existing, place.definitions)) as layers:
        heads = {head.name: head for head in layers.heads()}
        ranked = layers.search(" ".join(words))
    found_heads = [heads[name] for name in output.slice_page(ranked, page.limit_of(place), page.offset)]
    if place.as_json:
        output.print_json([{"signal": head.ref, **vars(head)} for head in found_heads])
    elif ranked:
        rows = [(head.ref, head.title, head.owner, ", ".join(head.tags), head.status) for head in found_heads]
        output.print_table(("signal", "title", "owner", "tags", "status"), rows)
    else:
        click.echo(f"No signal says '{' '.join(words)}'; {nearest('_'.join(words), heads)}")


@click.command(short_help="What differs between two definitions.")
@click.argument("a")
@click.argument("b")
@with_definitions
def diff(place: CommandTarget, a: str, b: str) -> None:
    """Show what differs between A and B, key by key: names, pinned names, aliases or files (.yaml).

    Example: longplay signals diff return_to_item_14d return_to_item_28d
    """
    from longplay.commands import output
    from longplay.definitions.diff import find_differences, worst_effect
    from longplay.registry.registry import build_registry, open_layers

    with closing(open_layers(place.existing, place.definitions)) as layers:
        registry = build_registry(layers, place.existing)
        old, new = _either(registry, a), _either(registry, b)
    if type(old) is not type(new):
        raise ConfigError("A signal and a reward have nothing to compare.", got=f"{old.ref} and {new.ref}")
    differences = find_differences(old, new)
    effect = worst_effect(differences) if differences else None
    if place.as_json:
        changes = [vars(difference) for difference in differences]
        output.print_json({"a": old.ref, "b": new.ref, "class": effect, "differences": changes})
        return
    click.echo(f"{old.ref} -> {new.ref}: {effect or 'no difference'}")
    for line in output.differences_as_text(differences):
        click.echo(line)


@click.command(short_help="What was done to a signal, in order.")
@click.argument("name")
@with_page
@with_target
def history(place: CommandTarget, name: str, page: ListPage) -> None:
    """Show what was done to a signal: versions, texts, aliases, deprecations and take-overs, oldest first.

    Example: longplay signals history return_to_item_14d
    """
    from longplay.commands import output
    from longplay.registry.registry import build_registry, open_layers

    with closing(open_layers(place.existing)) as layers:
        name = build_registry(layers, place.existing).find(name).name
        lines = [*shipped_lines(layers, name), *layers.journal(name)]
    shown = output.slice_page(lines, page.limit, page.offset)
    if place.as_json:
        output.print_json(shown)
        return
    for line in shown:
        for text in output.journal_as_text(line):
            click.echo(text)


@click.command(short_help="Who uses which version.")
@click.argument("name", required=False)
@click.option("--kind", type=click.Choice(CONSUMER_KINDS), help="Only uses of this kind.")
@with_page
@with_target
def consumers(place: CommandTarget, name: str | None, kind: str | None, page: ListPage) -> None:
    """List who uses a signal (or any), as what, which version they got, when first and when last (UTC).

    Example: longplay signals consumers return_to_item_14d
    """
    from longplay.commands import output
    from longplay.registry.registry import build_registry, open_layers

    with closing(open_layers(place.existing)) as layers:
        registry = build_registry(layers, place.existing)
        definition = registry.find(name) if name else None
        uses = layers.consumers(definition.name if definition else "")
    if name and definition and "@" in name:
        uses = [use for use in uses if use.ref == definition.ref]
    shown = output.slice_page([use for use in uses if kind in (None, use.kind)], page.limit_of(place), page.offset)
    warnings = {use.ref: registry.deprecations[use.ref].warning for use in shown if use.ref in registry.deprecations}
    output.print_warnings(warnings.values())
    if place.as_json:
        output.print_json([{**use.as_json(), "warning": warnings.get(use.ref)} for use in shown])
        return
    output.print_table(("kind", "consumer", "asked for", "got", "first", "last"), output.consumer_rows(shown))


def _either(registry: "Registry", text: str) -> "Definition | Reward":
    """A definition of a file, or by name."""
    from longplay.registry.records import Proposal

    path = Path(text)
    return Proposal.read(path).definition if path.suffix in (".yaml", ".yml") else registry.find(text)


def shipped_lines(layers: "LayeredRegistry", name: str) -> list[dict[str, Any]]:
    """Versions that came with Longplay, as lines of a history."""
    shipped = [version for version in layers.versions(name) if not version.applied_at]
    common = {"at": "", "action": "shipped", "name": name}
    return [{**common, "by": v.applied_by, "version": v.version, "detail": {"hash": v.hash}} for v in shipped]
