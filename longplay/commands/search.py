"""``longplay signals search|diff|history|consumers``: look-ups in the registry. Needs no Spark or Java."""

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
def search(target: CommandTarget, words: tuple[str, ...], page: ListPage) -> None:
    """Find signals that contain all WORDS in name, title, description, tags or owner. A word also matches as a prefix.

    Tables show the 50 best matches unless --limit is given; --json shows all.

    Example: longplay signals search habit weekly
    """
    from longplay.commands import output
    from longplay.registry.registry import open_layers

    with closing(open_layers(target.existing, target.definitions)) as layers:
        heads = {head.name: head for head in layers.heads()}
        ranked = layers.search(" ".join(words))
    matches = [heads[name] for name in output.slice_page(ranked, page.limit_of(target), page.offset)]
    if target.as_json:
        output.print_json([{"signal": head.ref, **vars(head)} for head in matches])
    elif ranked:
        rows = [(head.ref, head.title, head.owner, ", ".join(head.tags), head.status) for head in matches]
        output.print_table(("signal", "title", "owner", "tags", "status"), rows)
    else:
        click.echo(f"No signal matches '{' '.join(words)}'; {nearest('_'.join(words), heads)}")


@click.command(short_help="Compare two definitions.")
@click.argument("a")
@click.argument("b")
@with_definitions
def diff(target: CommandTarget, a: str, b: str) -> None:
    """Compare A and B key by key. Each is a name, a pinned name, an alias or a YAML file.

    Example: longplay signals diff return_to_item_14d return_to_item_28d
    """
    from longplay.commands import output
    from longplay.definitions.diff import find_differences, worst_effect
    from longplay.registry.registry import build_registry, open_layers

    with closing(open_layers(target.existing, target.definitions)) as layers:
        registry = build_registry(layers, target.existing)
        old, new = _load_definition(registry, a), _load_definition(registry, b)
    if type(old) is not type(new):
        raise ConfigError("A signal cannot be compared with a reward.", got=f"{old.ref} and {new.ref}")
    differences = find_differences(old, new)
    effect = worst_effect(differences) if differences else None
    if target.as_json:
        changes = [vars(difference) for difference in differences]
        output.print_json({"a": old.ref, "b": new.ref, "class": effect, "differences": changes})
        return
    click.echo(f"{old.ref} -> {new.ref}: {effect or 'no difference'}")
    for line in output.differences_as_text(differences):
        click.echo(line)


@click.command(short_help="Show the history of a signal.")
@click.argument("name")
@with_page
@with_target
def history(target: CommandTarget, name: str, page: ListPage) -> None:
    """Show the history of a signal, oldest first: versions, texts, aliases, deprecations and changes of owner.

    Example: longplay signals history return_to_item_14d
    """
    from longplay.commands import output
    from longplay.registry.registry import build_registry, open_layers

    with closing(open_layers(target.existing)) as layers:
        name = build_registry(layers, target.existing).find(name).name
        lines = [*list_shipped_versions(layers, name), *layers.journal(name)]
    shown = output.slice_page(lines, page.limit, page.offset)
    if target.as_json:
        output.print_json(shown)
        return
    for line in shown:
        for text in output.journal_as_text(line):
            click.echo(text)


@click.command(short_help="List who uses which version.")
@click.argument("name", required=False)
@click.option("--kind", type=click.Choice(CONSUMER_KINDS), help="Only uses of this kind.")
@with_page
@with_target
def consumers(target: CommandTarget, name: str | None, kind: str | None, page: ListPage) -> None:
    """List the consumers of a signal (or of all): kind, version, first and last use (UTC).

    Example: longplay signals consumers return_to_item_14d
    """
    from longplay.commands import output
    from longplay.registry.registry import build_registry, open_layers

    with closing(open_layers(target.existing)) as layers:
        registry = build_registry(layers, target.existing)
        definition = registry.find(name) if name else None
        uses = layers.consumers(definition.name if definition else "")
    if name and definition and "@" in name:
        uses = [use for use in uses if use.ref == definition.ref]
    shown = output.slice_page([use for use in uses if kind in (None, use.kind)], page.limit_of(target), page.offset)
    warnings = {use.ref: registry.deprecations[use.ref].warning for use in shown if use.ref in registry.deprecations}
    output.print_warnings(warnings.values())
    if target.as_json:
        output.print_json([{**use.as_json(), "warning": warnings.get(use.ref)} for use in shown])
        return
    output.print_table(("kind", "consumer", "asked for", "got", "first", "last"), output.consumer_rows(shown))


def _load_definition(registry: "Registry", text: str) -> "Definition | Reward":
    """Load a definition from a YAML file, or by name from the registry."""
    from longplay.registry.records import Proposal

    path = Path(text)
    return Proposal.from_file(path).definition if path.suffix in (".yaml", ".yml") else registry.find(text)


def list_shipped_versions(layers: "LayeredRegistry", name: str) -> list[dict[str, Any]]:
    """The shipped versions of a signal, as entries of its history."""
    shipped = [version for version in layers.versions(name) if not version.applied_at]
    common = {"at": "", "action": "shipped", "name": name}
    return [{**common, "by": v.applied_by, "version": v.version, "detail": {"hash": v.hash}} for v in shipped]
