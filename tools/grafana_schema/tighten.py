"""Turn the type generator's schema into one whose errors point at the mistake.

Pure: a schema in, a schema out. It knows how the generator writes things and, of the types, only
that `Property<X>` sets a property of `FieldConfig<X>`.

- A union becomes if/then by the property that tells its branches apart, so that a mistake in a
  stat panel is not reported as twelve ways of not being another panel.
- The value of a field override gets the type of the property that it sets.
- A large property that occurs twice becomes a definition.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Schema = dict[str, Any]

#: Keywords that only inform; here they are Grafana's words.
SILENT = ("default", "description", "title")

#: Characters of JSON from which on a repeated property is worth a definition: only few are longer.
LARGE = 250


def tighten(raw: Schema) -> Schema:
    """Return the final schema; `raw` is used up."""
    definitions = {plain_name(n): rewrite(d, simplify) for n, d in raw.pop("definitions").items()}
    book = Book(definitions)
    root: Schema = rewrite(rewrite(raw, simplify), book.discriminate)
    book.rewrite(book.discriminate)
    book.type_override_values()
    book.share(root)
    return {**root, "definitions": book.reachable(root)}


# ---------------------------------------------------------------- walking


def parts(schema: Schema) -> Iterator[tuple[Any, Any]]:
    """Yield container and key of every schema directly inside `schema`."""
    for key, value in schema.items():
        if key == "properties":
            yield from ((value, name) for name in value)
        elif key in {"allOf", "anyOf"} or (key == "items" and isinstance(value, list)):
            yield from ((value, n) for n in range(len(value)))
        elif key in {"additionalItems", "additionalProperties", "else", "if", "items", "then"}:
            yield schema, key


def rewrite(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """Apply `change` to every schema in `schema`, innermost first, then to `schema` itself."""
    if not isinstance(schema, dict):
        return schema  # true and false are schemas too
    for container, key in parts(schema):
        container[key] = rewrite(container[key], change)
    return change(schema)


# ---------------------------------------------------------------- one schema at a time


def plain_name(name: str) -> str:
    """Return a name without escapes in references: `FieldConfig<TableCustom>` is `FieldConfig_TableCustom`.

    Raises:
        ValueError: A type that the generator misreads: it forgets the values of a `Record`, and
            gives all uses of a type parameter the first one's meaning.
    """
    if name.startswith("Record<") or "." in name or len(name) == 1:
        message = f"types.ts: the schema generator misreads {name!r}; write the type out"
        raise ValueError(message)
    return re.sub(r"\W+", "_", name).strip("_")


def reference(name: str) -> str:
    """Return what `$ref` holds for a definition."""
    return f"#/definitions/{name}"


def simplify(schema: Schema) -> Schema:
    """Drop what says nothing, and write a union of plain types as one schema."""
    for key in SILENT:
        schema.pop(key, None)
    if "enum" in schema or "const" in schema:
        schema.pop("type", None)  # else a wrong value is reported twice
    if "$ref" in schema:
        return {"$ref": reference(plain_name(unquote(schema["$ref"].rpartition("/")[2])))}
    return plain_union(schema["anyOf"]) or schema if "anyOf" in schema else schema


def plain_union(branches: list[Schema]) -> Schema:
    """Fold branches that differ in `type`, or are patterns and a choice; else return nothing."""
    types = [t for b in branches for t in types_of(b)]
    if all("type" in b for b in branches) and len(set(types)) == len(types):
        return {**{k: v for b in branches for k, v in b.items()}, "type": sorted(types)}
    patterns = sorted(b["pattern"] for b in branches if "pattern" in b)
    choices = [b for b in branches if "enum" in b]
    if len(choices) == 1 and len(patterns) == len(branches) - 1:
        return {
            "if": {"pattern": "|".join(patterns)},
            "then": {"type": "string"},
            "else": choices[0],
        }
    return {}


def types_of(schema: Schema) -> list[str]:
    """Return the value of `type` as a list."""
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def one_of(values: tuple[Any, ...]) -> Schema:
    """Return the shortest schema of a choice."""
    return {"const": values[0]} if len(values) == 1 else {"enum": sorted(values)}


def canonical(schema: Any) -> str:
    """Return a text that is equal for equal schemas."""
    return json.dumps(schema, sort_keys=True)


# ---------------------------------------------------------------- what looks things up


class Book:
    """The definitions of a schema, and the changes that have to look something up in them."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        """Keep `definitions`; they are changed in place."""
        self.definitions = definitions

    def rewrite(self, change: Callable[[Schema], Schema]) -> None:
        """Apply `change` to every schema in the definitions."""
        for name, schema in self.definitions.items():
            self.definitions[name] = rewrite(schema, change)

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema that a reference means; any other schema means itself."""
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        return schema

    def discriminate(self, schema: Schema) -> Schema:
        """Write a union of objects as if/then."""
        return self.union(schema["anyOf"]) if "anyOf" in schema else schema

    def union(self, branches: list[Schema]) -> Schema:
        """Return a schema that tells objects apart by the values of one property, else by the presence of one.

        Raises:
            ValueError: Neither is possible.
        """
        if len(branches) == 1:
            return branches[0]
        bodies = [self.resolve(b) for b in branches]
        choices = [{key for key in b["required"] if self.values(b, key)} for b in bodies]
        found = {key: self.group(branches, key) for key in sorted(set.intersection(*choices))}
        key, groups = max(found.items(), key=lambda item: len(item[1]), default=("", {}))
        if len(groups) > 1:
            return self.by_value(key, groups)
        for branch, body in zip(branches, bodies, strict=True):
            others = [b for b in branches if b is not branch]
            for own in sorted(body["required"]):
                if not any(own in self.resolve(o)["properties"] for o in others):
                    return {"if": {"required": [own]}, "then": branch, "else": self.union(others)}
        message = f"types.ts: nothing tells these apart: {branches}"
        raise ValueError(message)

    def values(self, body: Schema, key: str) -> tuple[Any, ...]:
        """Return the few values that property `key` may have; none if any will do."""
        schema = self.resolve(body["properties"][key])
        return (schema["const"],) if "const" in schema else tuple(schema.get("enum", ()))

    def group(self, branches: list[Schema], key: str) -> dict[tuple[Any, ...], list[Schema]]:
        """Collect branches by the values of property `key`, which no two groups may share."""
        groups: dict[tuple[Any, ...], list[Schema]] = {}
        for branch in branches:
            groups.setdefault(self.values(self.resolve(branch), key), []).append(branch)
        every = [value for values in groups for value in values]
        return dict(sorted(groups.items())) if len(set(every)) == len(every) else {}

    def by_value(self, key: str, groups: dict[tuple[Any, ...], list[Schema]]) -> Schema:
        """Return an object whose property `key` decides which other schema holds."""
        return {
            "type": "object",
            "required": [key],
            "properties": {key: {"enum": sorted(v for values in groups for v in values)}},
            "allOf": [when(key, values, self.union(branches)) for values, branches in groups.items()],
        }

    def type_override_values(self) -> None:
        """Give `value` in `Property<X>` the type that its `id` has in `FieldConfig<X>`."""
        for name, schema in self.definitions.items():
            kind, _, custom = name.partition("_")
            if kind == "Property":
                config = {"$ref": reference(f"FieldConfig_{custom}")}
                ids = self.values(schema, "id")
                groups: dict[str, list[str]] = {}
                for field in ids:
                    groups.setdefault(canonical(self.at(config, field)), []).append(field)
                schema["properties"] = {"id": one_of(ids), "value": True}
                schema["allOf"] = [
                    when("id", tuple(fields), {"properties": {"value": json.loads(value)}})
                    for value, fields in sorted(groups.items(), key=lambda item: item[1])
                ]

    def at(self, schema: Schema, path: str) -> Schema:
        """Return the schema of the property at a dotted path."""
        for key in path.split("."):
            schema = self.resolve(schema)["properties"][key]
        return schema

    def share(self, root: Schema) -> None:
        """Make a definition of every large property that occurs twice, under its own name."""
        seen: Counter[str] = Counter()
        names: dict[str, str] = {}

        def count(schema: Schema) -> Schema:
            for key, value in schema.get("properties", {}).items():
                seen[canonical(value)] += 1
                if key != "value":  # of an override: the property itself has the better name
                    names.setdefault(canonical(value), key)
            return schema

        def replace(schema: Schema) -> Schema:
            for key, value in schema.get("properties", {}).items():
                text = canonical(value)
                if len(text) >= LARGE and seen[text] > 1 and text in names:
                    found.setdefault(names[text], value)
                    if found[names[text]] == value:  # else another property has the name already
                        schema["properties"][key] = {"$ref": reference(names[text])}
            return schema

        found = dict(self.definitions)
        for change in (count, replace):
            self.rewrite(change)
            rewrite(root, change)
        self.definitions = found | self.definitions

    def reachable(self, root: Schema) -> dict[str, Schema]:
        """Return the definitions that `root` needs, directly or not."""
        found: dict[str, Schema] = {}
        todo = references(root)
        while todo:
            name = todo.pop()
            if name not in found:
                found[name] = self.definitions[name]
                todo |= references(found[name])
        return found


def when(key: str, values: tuple[Any, ...], then: Schema) -> Schema:
    """Return a schema that asks for `then` where property `key` is one of `values`."""
    # Without `type` and `required`, what is no object or lacks the key would be held to `then`.
    condition = {"type": "object", "required": [key], "properties": {key: one_of(values)}}
    return {"if": condition, "then": then}


def references(schema: Schema) -> set[str]:
    """Return the names of the definitions that `schema` refers to directly."""
    return set(re.findall(r'"#/definitions/(\w+)"', json.dumps(schema)))
