"""Data contracts of tables: one YAML file each, in the format of the Open Data Contract Standard (3.1).

``load`` reads the contract of a table as a ``TableSpec``; ``contract_of`` converts a spec back. What the standard
cannot express is under ``customProperties``.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from longplay.config.strict_model import KeyedError, read_yaml, validate_model
from longplay.errors import NotFoundError, nearest
from tables.checks import RowRule
from tables.contract_rules import ContractPart, CustomQuality, SqlQuality, quality_of
from tables.spec import Column, Mode, TableSpec

FOLDER = Path(__file__).parent / "contracts"
LOGICAL = {
    "string": "string",
    "timestamp": "timestamp",
    "date": "date",
    "double": "number",
    "boolean": "boolean",
    "int": "integer",
    "bigint": "integer",
    "array": "array",
    "map": "object",
}
"""The standard's logical type of each Spark SQL type, ignoring parameters in angle brackets."""
_CUSTOM = ("mode", "time", "known", "audit", "families", "allowEmpty")


class ColumnProperty(ContractPart):
    """One column."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    logical_type: str
    physical_type: str
    required: bool = False
    primary_key: bool = False
    primary_key_position: int = -1
    partitioned: bool = False
    partition_key_position: int = -1
    description: str = Field(min_length=3)

    @model_validator(mode="after")
    def _types_agree(self) -> "ColumnProperty":
        kind = self.physical_type.partition("<")[0]
        if kind not in LOGICAL:
            raise KeyedError("physicalType", f"unknown type '{kind}': {nearest(kind, LOGICAL)}")
        if self.logical_type != LOGICAL[kind]:
            raise KeyedError("logicalType", f"the logical type of {self.physical_type} is '{LOGICAL[kind]}'")
        return self


class ServiceLevel(ContractPart):
    """A promise about the whole table."""

    property: Literal["retention"]
    value: int = Field(ge=1)
    unit: Literal["days", "months", "years"]


class CustomProperty(ContractPart):
    """A property that the standard does not define."""

    property: str
    value: Any

    @field_validator("property")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in _CUSTOM:
            raise ValueError(f"unknown property '{name}': {nearest(name, _CUSTOM)}")
        return name

    @model_validator(mode="after")
    def _has_its_type(self) -> "CustomProperty":
        type_and_test: tuple[str, Callable[[Any], bool]] = {
            "mode": (f"one of {', '.join(get_args(Mode))}", lambda v: v in get_args(Mode)),
            "allowEmpty": ("true or false", lambda v: isinstance(v, bool)),
            "time": ("text", lambda v: isinstance(v, str)),
            "known": ("text", lambda v: isinstance(v, str)),
        }.get(self.property, ("a list of texts", lambda v: isinstance(v, list) and all(isinstance(t, str) for t in v)))
        value_type, is_valid = type_and_test
        if not is_valid(self.value):
            raise KeyedError("value", f"'{self.property}' is {value_type}")
        return self


class TableDescription(ContractPart):
    """What a table is for."""

    purpose: str = Field(min_length=10)


class Team(ContractPart):
    """The owner."""

    name: str


class ContractTable(ContractPart):
    """The columns and rules of a table."""

    name: str
    physical_type: Literal["table"]
    properties: tuple[ColumnProperty, ...] = Field(min_length=1)
    quality: tuple[Annotated[SqlQuality | CustomQuality, Field(discriminator="type")], ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "ContractTable":
        for key, parts in (("properties", self.properties), ("quality", self.quality)):
            part_names = [part.name for part in parts]
            repeated = sorted({name for name in part_names if part_names.count(name) > 1})
            if repeated:
                raise KeyedError(key, f"'{repeated[0]}' appears twice")
        if not any(column.primary_key for column in self.properties):
            raise KeyedError("properties", "no column is a primaryKey: mark the columns that identify a row")
        return self


class Contract(ContractPart):
    """A data contract of one table."""

    api_version: Literal["v3.1.0"]
    kind: Literal["DataContract"]
    id: str
    name: str
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    status: Literal["active"]
    description: TableDescription
    team: Team
    schema_: tuple[ContractTable, ...] = Field(alias="schema", min_length=1, max_length=1)
    sla_properties: tuple[ServiceLevel, ...] = Field(min_length=1, max_length=1)
    custom_properties: tuple[CustomProperty, ...] = ()

    def spec(self) -> TableSpec:
        """The contract as a ``TableSpec``, which store and gate use."""
        table, sla = self.schema_[0], self.sla_properties[0]
        custom = {part.property: part.value for part in self.custom_properties}
        checks = [part.check() for part in table.quality]
        return TableSpec(
            name=table.name,
            about=self.description.purpose,
            grain=_select_columns(table, lambda c: c.primary_key, lambda c: c.primary_key_position),
            columns=tuple(Column(c.name, c.physical_type, c.description, not c.required) for c in table.properties),
            rules=tuple(check for check in checks if isinstance(check, RowRule)),
            checks=tuple(check for check in checks if not isinstance(check, RowRule)),
            families=tuple(custom.get("families", ())),
            allow_empty=custom.get("allowEmpty", False),
            mode=custom.get("mode", "replace"),
            time=custom.get("time"),
            known=custom.get("known"),
            audit=tuple(custom.get("audit", ())),
            partition_by=_select_columns(table, lambda c: c.partitioned, lambda c: c.partition_key_position),
            owner=self.team.name,
            retention=f"{sla.value} {sla.unit}",
            version=self.version,
        )


def _select_columns(
    table: ContractTable, is_selected: Callable[[ColumnProperty], bool], position: Callable[[ColumnProperty], int]
) -> tuple[str, ...]:
    """Names of the selected columns, in the order of their positions."""
    return tuple(column.name for column in sorted(filter(is_selected, table.properties), key=position))


def load(name: str, folder: Path = FOLDER) -> TableSpec:
    """The spec of a table, from its contract.

    Raises:
        NotFoundError: when there is no such contract, with the nearest name.
        ConfigError: when it is malformed, naming file, line and key.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        names = [file.stem for file in folder.glob("*.yaml")]
        raise NotFoundError(f"There is no contract '{name}'.", where=str(folder), fix=nearest(name, names))
    spec = validate_model(Contract, read_yaml(path), str(path)).spec()
    if spec.name != name:
        what = f"The contract '{name}' describes another table."
        raise NotFoundError(what, where=str(path), got=spec.name, fix=f"rename the file to {spec.name}.yaml")
    return spec


def contract_of(spec: TableSpec) -> dict[str, Any]:
    """The contract of a spec; ``load`` reads it back as the same spec."""
    number, unit = spec.retention.split()
    custom: dict[str, Any] = {
        "mode": spec.mode,
        "time": spec.time,
        "known": spec.known,
        "audit": list(spec.audit),
        "families": list(spec.families),
        "allowEmpty": spec.allow_empty,
    }
    quality = [quality_of(check) for check in (*spec.rules, *spec.checks)]
    table: dict[str, Any] = {
        "name": spec.name,
        "physicalType": "table",
        "properties": [_property(spec, column) for column in spec.columns],
    }
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"longplay.{spec.name}",
        "name": spec.name,
        "version": spec.version,
        "status": "active",
        "description": {"purpose": spec.about},
        "team": {"name": spec.owner},
        "schema": [table | ({"quality": quality} if quality else {})],
        "slaProperties": [{"property": "retention", "value": int(number), "unit": unit}],
        "customProperties": [{"property": key, "value": value} for key, value in custom.items() if value],
    }


def _property(spec: TableSpec, column: Column) -> Mapping[str, Any]:
    partitions = spec.partition_by
    is_key, is_partition = column.name in spec.grain, column.name in partitions
    return {
        "name": column.name,
        "logicalType": LOGICAL[re.split("<", column.type)[0]],
        "physicalType": column.type,
        **({} if column.nullable else {"required": True}),
        **({"primaryKey": True, "primaryKeyPosition": spec.grain.index(column.name) + 1} if is_key else {}),
        **({"partitioned": True, "partitionKeyPosition": partitions.index(column.name) + 1} if is_partition else {}),
        "description": column.meaning,
    }
