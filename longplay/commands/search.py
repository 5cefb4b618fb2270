"""``longplay signals search|diff|history|consumers``: look-ups in the registry. Starts no Spark and no Java."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longplay.commands.options import paged, placed, reading
from longplay.errors import ConfigError, nearest
from longplay.registry.location import Page, Place
from longplay.registry.usage import KINDS

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition
    from longplay.registry.layered import Known
    from longplay.registry.registry import Registry


@click.command(short_help="Find signals by words.")
@click.argument("words", nargs=-1, required=True)
@paged
@reading
def search(place: Place, words: tuple[str, ...], page: Page) -> None:
    """Find signals whose name, title, description, tags or owner say all WORDS; a word may be a beginning.

    A table shows the 50 best unless --limit says otherwise; --json shows all.

    Example: longplay signals search habit weekly
    """
    from longplay.commands import output
    from longplay.registry.registry import read_known

    with closing(read_known(place.existing, place.definitions)) as known:
        heads = {head.name: head for head in known.heads()}
        ranked = known.search(" ".join(words))
    found = [heads[name] for name in output.page(ranked, page.limit_of(place), page.offset)]
    if place.as_json:
        output.as_json([{"signal": head.ref, **vars(head)} for head in found])
    elif ranked:
        rows = [(head.ref, head.title, head.owner, ", ".join(head.tags), head.status) for head in found]
        output.table(("signal", "title", "owner", "tags", "status"), rows)
    else:
        click.echo(f"No signal says '{' '.join(words)}'; {nearest('_'.join(words), heads)}")


@click.command(short_help="What differs between two definitions.")
@click.argument("a")
@click.argument("b")
@reading
def diff(place: Place, a: str, b: str) -> None:
    """Show what differs between A and B, key by key: names, pinned names, aliases or files (.yaml).

    Example: longplay signals diff return_to_item_14d return_to_item_28d
    """
    from longplay.commands import output
    from longplay.definitions.diff import differences, worst
    from longplay.registry.registry import read_known, registry_of

    with closing(read_known(place.existing, place.definitions)) as known:
        registry = registry_of(known, place.existing)
        old, new = _either(registry, a), _either(registry, b)
    if type(old) is not type(new):
        raise ConfigError("A signal and a reward have nothing to compare.", got=f"{old.ref} and {new.ref}")
    told = differences(old, new)
    effect = worst(told) if told else None
    if place.as_json:
        output.as_json({"a": old.ref, "b": new.ref, "class": effect, "differences": [vars(one) for one in told]})
        return
    click.echo(f"{old.ref} -> {new.ref}: {effect or 'no difference'}")
    for line in output.differences_as_text(told):
        click.echo(line)


@click.command(short_help="What was done to a signal, in order.")
@click.argument("name")
@paged
@placed
def history(place: Place, name: str, page: Page) -> None:
    """Show what was done to a signal: versions, texts, aliases, deprecations and take-overs, oldest first.

    Example: longplay signals history return_to_item_14d
    """
    from longplay.commands import output
    from longplay.registry.registry import read_known, registry_of

    with closing(read_known(place.existing)) as known:
        name = registry_of(known, place.existing).find(name).name
        told = [*shipped_lines(known, name), *known.journal(name)]
    shown = output.page(told, page.limit, page.offset)
    if place.as_json:
        output.as_json(shown)
        return
    for line in shown:
        for text in output.journal_as_text(line):
            click.echo(text)


@click.command(short_help="Who uses which version.")
@click.argument("name", required=False)
@click.option("--kind", type=click.Choice(KINDS), help="Only uses of this kind.")
@paged
@placed
def consumers(place: Place, name: str | None, kind: str | None, page: Page) -> None:
    """List who uses a signal (or any), as what, which version they got, when first and when last (UTC).

    Example: longplay signals consumers return_to_item_14d
    """
    from longplay.commands import output
    from longplay.registry.registry import read_known, registry_of

    with closing(read_known(place.existing)) as known:
        registry = registry_of(known, place.existing)
        asked = registry.find(name) if name else None
        found = known.consumers(asked.name if asked else "")
    if name and asked and "@" in name:
        found = [one for one in found if one.ref == asked.ref]
    shown = output.page([one for one in found if kind in (None, one.kind)], page.limit_of(place), page.offset)
    warnings = {one.ref: registry.deprecations[one.ref].warning for one in shown if one.ref in registry.deprecations}
    output.warn(warnings.values())
    if place.as_json:
        output.as_json([{**one.as_json(), "warning": warnings.get(one.ref)} for one in shown])
        return
    output.table(("kind", "consumer", "asked for", "got", "first", "last"), output.consumer_rows(shown))


def _either(registry: "Registry", text: str) -> "Definition | Reward":
    """A definition of a file, or by name."""
    from longplay.registry.records import Proposal

    path = Path(text)
    return Proposal.read(path).definition if path.suffix in (".yaml", ".yml") else registry.find(text)


def shipped_lines(known: "Known", name: str) -> list[dict[str, Any]]:
    """Versions that came with Longplay, as lines of a history."""
    found = [version for version in known.versions(name) if not version.applied_at]
    told = {"at": "", "action": "shipped", "name": name}
    return [{**told, "by": v.applied_by, "version": v.version, "detail": {"hash": v.hash}} for v in found]
