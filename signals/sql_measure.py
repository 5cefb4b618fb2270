"""Translates a definition's SQL to Spark SQL that aggregates the facts of a guard, deterministically.

Sums are exact to nine decimals, because a sum of doubles depends on the order of rows. A division by 0 is null.
"""

from collections.abc import Callable

from sqlglot import exp

from longplay.definitions.expression import AGGREGATES, name_of, tree_of

EXACT = "DECIMAL(28, 9)"
"""Type of sums."""


def guarded_sql(expression: str, guard: str) -> str:
    """Spark SQL of an aggregate expression in which every aggregate reads only rows where ``guard`` is true.

    Args:
        expression: one that passed ``longplay.definitions.expression.check_measure``.
        guard: name of a boolean column.
    """
    entropies: list[str] = []

    def rewrite(node: exp.Expression) -> exp.Expression:
        name = name_of(node) if isinstance(node, exp.Func) else ""
        if name == "entropy":
            entropies.append(_entropy(node.expressions[0].sql(dialect="spark"), guard))
            return exp.column(f"__entropy_{len(entropies) - 1}__")
        if name in ("sum", "avg"):
            return _exact(node, guard)
        return _filtered(node, guard) if name in AGGREGATES else node

    text: str = _forgiving(_replace_aggregates(tree_of(expression), rewrite)).sql(dialect="spark")
    for number, entropy in enumerate(entropies):
        text = text.replace(f"__entropy_{number}__", entropy)
    return text


def condition_sql(expression: str) -> str:
    """Spark SQL of a condition on a fact; null where it is undefined."""
    text: str = _forgiving(tree_of(expression)).sql(dialect="spark")
    return text


def _replace_aggregates(tree: exp.Expression, rewrite: Callable[[exp.Expression], exp.Expression]) -> exp.Expression:
    """The tree with each aggregate replaced once; replacements are not replaced again."""
    if isinstance(tree, exp.Func) and name_of(tree) in AGGREGATES:
        return rewrite(tree)
    for node in [n for n in tree.find_all(exp.Func) if name_of(n) in AGGREGATES]:
        node.replace(rewrite(node))
    return tree


def _filtered(aggregate: exp.Expression, guard: str) -> exp.Expression:
    return exp.Filter(this=aggregate.copy(), expression=exp.Where(this=exp.column(guard)))


def _exact(node: exp.Expression, guard: str) -> exp.Expression:
    """A sum or mean that does not depend on the order of rows."""
    summand = exp.TryCast(this=node.this.copy(), to=exp.DataType.build(EXACT, dialect="spark"))
    total = exp.cast(_filtered(exp.Sum(this=summand), guard), "DOUBLE")
    if name_of(node) == "sum":
        return total
    return exp.func("try_divide", total, _filtered(exp.Count(this=node.this.copy()), guard))


def _forgiving(tree: exp.Expression) -> exp.Expression:
    """Null where Spark would fail the job: for a division by 0, or text that is not a number."""

    def rewrite(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Div):
            return exp.func("try_divide", node.this, node.expression)
        if type(node) is exp.Cast and node.to.sql(dialect="spark") not in ("DOUBLE", EXACT):
            return exp.TryCast(this=node.this, to=node.to)
        return node

    return tree.transform(rewrite)


def _entropy(of: str, guard: str) -> str:
    """Shannon entropy (nats) of the non-null values: ``ln n - sum over values of c ln(c) / n``."""
    values = f"COLLECT_LIST({of}) FILTER (WHERE {guard})"
    each = f"TRANSFORM(ARRAY_SORT(ARRAY_DISTINCT({values})), v -> SIZE(FILTER({values}, x -> x = v)))"
    total = f"AGGREGATE({each}, 0D, (s, c) -> s + c * LN(c))"
    return f"CASE WHEN SIZE({values}) > 0 THEN LN(SIZE({values})) - {total} / SIZE({values}) END"
