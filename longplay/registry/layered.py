"""Several ledgers read as one: own folders, the registry file, then the shipped definitions. The first match wins."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from longplay.registry.database import Ledger
from longplay.registry.records import Consumer, Deprecation, Head, RegistryVersion


@dataclass(frozen=True)
class LayeredRegistry:
    """Ledgers read as one, in order of precedence."""

    ledgers: Sequence[Ledger]

    def version(self, name: str, version: int) -> RegistryVersion | None:
        """One version, from the first ledger that has it."""
        for ledger in self.ledgers:
            sql = "SELECT * FROM current_versions WHERE name = ? AND version = ?"
            if rows := ledger.rows(sql, name, version):
                return RegistryVersion(**dict(rows[0]))
        return None

    def versions(self, name: str) -> list[RegistryVersion]:
        """Every version of a signal, oldest first."""
        versions_by_number: dict[int, RegistryVersion] = {}
        for ledger in self.ledgers:
            for row in ledger.rows("SELECT * FROM current_versions WHERE name = ?", name):
                versions_by_number.setdefault(row["version"], RegistryVersion(**dict(row)))
        return [versions_by_number[number] for number in sorted(versions_by_number)]

    def newest(self, name: str) -> RegistryVersion | None:
        """The version that a bare name refers to: the newest published one, else the newest draft."""
        return max(self.versions(name), key=lambda v: (v.status == "published", v.version), default=None)

    def owner(self, name: str) -> str:
        """The owner of a name; empty if nobody owns it."""
        for ledger in self.ledgers:
            if rows := ledger.rows("SELECT owner FROM owners WHERE name = ? ORDER BY id DESC LIMIT 1", name):
                return str(rows[0]["owner"])
        return ""

    def shipped_owner(self, name: str) -> str | None:
        """The owner of a name that ships with Longplay, from the last ledger; None for other names."""
        rows = self.ledgers[-1].rows("SELECT owner FROM owners WHERE name = ? ORDER BY id DESC LIMIT 1", name)
        return str(rows[0]["owner"]) if rows else None

    def heads(self) -> list[Head]:
        """One entry per signal, sorted by name, with the status that deprecations give it today."""
        heads_by_name: dict[str, Head] = {}
        for ledger in self.ledgers:
            for head in map(Head.from_row, ledger.rows("SELECT * FROM heads")):
                other = heads_by_name.get(head.name)
                if other is None or _rank(head) > _rank(other):
                    heads_by_name[head.name] = head
        deprecated = {ref for ref, deprecation in self.deprecations().items() if deprecation.is_in_force()}
        heads = [replace(h, status="deprecated") if h.ref in deprecated else h for h in heads_by_name.values()]
        return sorted(heads, key=lambda head: head.name)

    def aliases(self, name: str = "") -> dict[str, str]:
        """Where each alias points: ``name@alias`` to ``name@version``."""
        where, values = (" WHERE name = ?", (name,)) if name else ("", ())
        refs_by_alias: dict[str, str] = {}
        for ledger in self.ledgers:
            for row in ledger.rows(f"SELECT name, alias, version FROM current_aliases{where}", *values):
                refs_by_alias.setdefault(f"{row['name']}@{row['alias']}", f"{row['name']}@{row['version']}")
        return refs_by_alias

    def deprecations(self) -> dict[str, Deprecation]:
        """Deprecations in force or announced, by pinned name."""
        deprecations_by_ref: dict[str, Deprecation] = {}
        for ledger in self.ledgers:
            for row in ledger.rows("SELECT * FROM current_deprecations WHERE on_date IS NOT NULL"):
                ref = f"{row['name']}@{row['version']}"
                deprecations_by_ref.setdefault(ref, Deprecation(ref, row["on_date"], row["replaced_by"], row["reason"]))
        return deprecations_by_ref

    def consumers(self, name: str = "") -> list[Consumer]:
        """Recorded uses, latest first; of one signal if ``name`` is given."""
        where, values = (" WHERE name = ?", (name,)) if name else ("", ())
        sql = f"SELECT * FROM consumers{where} ORDER BY last_at DESC, kind, consumer, asked"
        return [Consumer(**dict(row)) for ledger in self.ledgers for row in ledger.rows(sql, *values)]

    def journal(self, name: str) -> list[dict[str, object]]:
        """Everything that was done to a signal, oldest first."""
        sql = "SELECT at, by, action, name, version, detail FROM journal WHERE name = ? ORDER BY id"
        rows = [dict(row) for ledger in reversed(self.ledgers) for row in ledger.rows(sql, name)]
        return [{**row, "detail": json.loads(row["detail"])} for row in rows]

    def search(self, text: str) -> list[str]:
        """Names of signals that match every word, best first. A word also matches as a prefix.

        Hits from several ledgers are merged by rank, because scores of different ledgers are not comparable.
        """
        terms = " ".join('"' + word.replace('"', '""') + '"*' for word in text.split())
        sql = "SELECT name FROM search WHERE search MATCH ? ORDER BY bm25(search, 10, 5, 1, 5, 2), name"
        ranked: dict[str, int] = {}
        for ledger in self.ledgers if terms else ():
            for rank, row in enumerate(ledger.rows(sql, terms)):
                ranked.setdefault(row["name"], rank)
        return sorted(ranked, key=lambda name: (ranked[name], name))

    def names(self) -> set[str]:
        """The name of every signal and reward."""
        return {row["name"] for ledger in self.ledgers for row in ledger.rows("SELECT name FROM heads")}

    def refs(self, rewards: bool = False) -> list[str]:
        """The pinned name of every signal, or of every reward."""
        # Quotes inside a JSON string are escaped, so this can only match the key itself.
        of_kind = f"""instr(body, '"kind": "reward"') {">" if rewards else "="} 0"""
        sql = f"SELECT name, version FROM versions WHERE {of_kind}"
        rows = [row for ledger in self.ledgers for row in ledger.rows(sql)]
        return list(dict.fromkeys(f"{row['name']}@{row['version']}" for row in rows))

    @property
    def place(self) -> str:
        """The places of all ledgers, for error messages."""
        return " and ".join(ledger.place for ledger in self.ledgers)

    def close(self) -> None:
        """Close every ledger."""
        for ledger in self.ledgers:
            ledger.connection.close()


def _rank(head: Head) -> tuple[bool, int]:
    return head.status != "draft", head.version
