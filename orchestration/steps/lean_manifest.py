"""dbt's reading of the project, reduced to what a build needs: less to read, to copy for each node and to render.

dbt reads the whole manifest for each command, makes a name of every macro twice for each node, and reads and renders
the templates of a model in each build, though most of them come to the same SQL in every company. Comes from what
`dbt.py` had dbt parse, and goes to the folder of the parsed project.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import jinja2
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.graph.nodes import CompiledNode, Macro, ManifestNode

ASKED_BY_DBT = {
    "generate_alias_name",
    "generate_database_name",
    "generate_schema_name",
    "get_fixture_sql",
    "is_incremental",
}
"""Macros that dbt's Python calls by name, besides those of its adapters."""
OF_THE_PROJECT = {"api", "config", "execute", "graph", "ref", "return", "source"}
"""What a template may name, besides macros and Jinja's own words, if its SQL is to be known without a company."""
OF_THE_ENGINE = {"dispatch", "quote"}
"""What a template may ask of `adapter` for that: no question to the database."""
PLACES = {"time_zone": "<time_zone>", "base_currency": "<base_currency>"}
"""Variables that a template may print for that, and what stands in their place until a company is built."""
WITHIN_MACROS = {"caller", "kwargs", "varargs"}
TEMPLATE = re.compile(r"{[{%#]|[#}%]}")


def write(whole: Path, lean: Path, sql: Mapping[str, str] | None = None) -> None:
    """Write dbt's reading of the project without what its commands do not need.

    With the `sql` of nodes, by their ids, it is what a build needs and nothing else: no unit tests, and no template
    where the SQL is known.
    """
    from dbt.parser.manifest import extended_mashumaro_encoder

    manifest = read(whole)
    for left_out in (manifest.files, manifest.docs, manifest.disabled, manifest.metrics, manifest.semantic_models):
        left_out.clear()
    for node in manifest.nodes.values():
        for column in node.columns.values():
            column.description, column.doc_blocks = "", []
    kinds = {"test", "unit", *(node.config.materialized for node in manifest.nodes.values())}
    packages = {"dbt"}
    if sql is not None:
        manifest.unit_tests.clear()
        put_sql(manifest, sql)
        kinds.remove("unit")
        packages |= {macro.package_name for macro in manifest.macros.values()}
    used = used_macros(manifest, kinds, packages)
    manifest.macros = {name: macro for name, macro in manifest.macros.items() if name in used}
    lean.write_bytes(manifest.to_msgpack(extended_mashumaro_encoder))


def read(path: Path) -> "Manifest":
    """What dbt wrote of the project."""
    from dbt.contracts.graph.manifest import Manifest

    return Manifest.from_msgpack(path.read_bytes())


def used_macros(manifest: "Manifest", kinds: Iterable[str], packages: Collection[str]) -> set[str]:
    """The macros that nodes, their materializations (`kinds`) and dbt itself call, those that these call, and so on.

    Of other packages than these `packages`, all macros count as called.
    """
    from dbt.adapters.base import impl as base
    from dbt.adapters.sql import impl as sql

    called = {value for module in (base, sql) for name, value in vars(module).items() if name.endswith("MACRO_NAME")}
    called |= ASKED_BY_DBT
    materializations = tuple(f"materialization_{kind}_" for kind in kinds)
    found: set[str] = set()
    waiting = [name for node in manifest.nodes.values() for name in node.depends_on.macros]
    for name, macro in manifest.macros.items():
        is_kept = macro.package_name not in packages
        if is_kept or macro.name.startswith(materializations) or macro.name.rpartition("__")[2] in called:
            waiting.append(name)
    while waiting:
        name = waiting.pop()
        if name not in found and name in manifest.macros:
            found.add(name)
            waiting += manifest.macros[name].depends_on.macros
    return found


def same_everywhere(manifest: "Manifest") -> list[str]:
    """The ids of the models, checks and tests whose SQL depends on nothing but the project."""
    from dbt_common.clients.jinja import get_environment

    environment = get_environment()
    by_name: dict[str, list[str]] = {}
    for unique_id, macro in manifest.macros.items():
        by_name.setdefault(macro.name, []).append(unique_id)

    def look(user: "Macro | ManifestNode", template: str) -> tuple[bool, set[str]]:
        """Whether a template itself needs no company, and the macros that it calls."""
        names = names_in(environment, template)
        called = {unique_id for name in names for unique_id in by_name.get(name, ())}
        return names - OF_THE_PROJECT <= by_name.keys(), called | set(user.depends_on.macros)

    @cache
    def look_at_macro(unique_id: str) -> tuple[bool, set[str]]:
        macro = manifest.macros[unique_id]
        return look(macro, macro.macro_sql)

    @cache
    def is_same(unique_id: str) -> bool:
        node = manifest.nodes[unique_id]
        needs_nothing, waiting = look(node, node.raw_code)
        seen: set[str] = set()
        while needs_nothing and (found := waiting - seen):
            name = found.pop()
            seen.add(name)
            needs_nothing, called = look_at_macro(name)
            waiting |= called
        checks = [name for name in node.depends_on_nodes if name in manifest.nodes and is_check(manifest.nodes[name])]
        return needs_nothing and all(map(is_same, checks))

    return [
        unique_id
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in {"model", "test"} and is_same(unique_id)
    ]


def names_in(environment: "jinja2.Environment", template: str) -> set[str]:
    """The names that a template takes from outside, but for Jinja's own and for what it may ask of `adapter` and `var`.

    A name that it sets itself, in one of two branches say, is its own.
    """
    from jinja2 import nodes
    from jinja2.meta import find_undeclared_variables

    tree = environment.parse(template)
    uses = list(tree.find_all(nodes.Name))
    names = find_undeclared_variables(tree) - environment.globals.keys() - WITHIN_MACROS
    names -= {use.name for use in uses if use.ctx in {"store", "param"}}
    allowed: list[str] = []
    for each in tree.find_all(nodes.Getattr):
        if isinstance(each.node, nodes.Name) and each.node.name == "dbt":  # a macro of dbt
            allowed.append("dbt")
            names.add(each.attr)
        elif isinstance(each.node, nodes.Name) and each.node.name == "adapter" and each.attr in OF_THE_ENGINE:
            allowed.append("adapter")
    for printed in (each for output in tree.find_all(nodes.Output) for each in output.nodes):
        if isinstance(printed, nodes.Call) and isinstance(printed.node, nodes.Name) and printed.node.name == "var":
            [named] = printed.args
            allowed += ["var"] * (isinstance(named, nodes.Const) and named.value in PLACES)
    return names - {name for name in allowed if allowed.count(name) == sum(use.name == name for use in uses)}


def is_check(node: "ManifestNode") -> bool:
    """Whether it is no table, but a part of the tests that ask it."""
    return str(node.config.materialized) == "ephemeral"


def put_sql(manifest: "Manifest", sql: Mapping[str, str]) -> None:
    """Put the SQL of nodes in the place of their templates, and leave out the checks that only such nodes ask."""
    for unique_id, text in sql.items():
        node = cast("CompiledNode", manifest.nodes[unique_id])
        node.raw_code = text
        node.depends_on.macros.clear()
        node.depends_on.nodes[:] = read_by(manifest.nodes[unique_id], manifest)
    asked = {name for node in manifest.nodes.values() for name in node.depends_on_nodes}
    for unique_id in [unique_id for unique_id, node in manifest.nodes.items() if is_check(node)]:
        if unique_id not in asked:
            del manifest.nodes[unique_id]


def put_values(manifest: "Manifest", variables: Mapping[str, Any]) -> None:
    """Put a company's values into the SQL that has a place for them."""
    for node in manifest.nodes.values():
        for name, place in PLACES.items():
            if place in node.raw_code:
                node.raw_code = node.raw_code.replace(place, str(variables[name]))


def read_by(node: "ManifestNode", manifest: "Manifest") -> list[str]:
    """The tables and views that a node reads, itself or through checks."""
    found: dict[str, None] = {}
    for name in node.depends_on_nodes:
        read = manifest.nodes.get(name)
        found |= dict.fromkeys(read_by(read, manifest) if read is not None and is_check(read) else [name])
    return list(found)
