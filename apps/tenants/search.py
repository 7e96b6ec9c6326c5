"""Searching names by their parts, through an index that row level security does not close.

PostgreSQL may use a condition of the query inside an index only where the operator is leakproof or
no policy stands before it. The trigram operators are not leakproof, so an index on a tenant table
itself would never be used. What can be searched is therefore kept, by triggers, in the table
`search_entry`, read by one function of the owner that compares the campus itself. See
docs/decisions/0010-search.md.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from django.db import models

from apps.common.digits import plain_digits
from apps.tenants.guards import DatabaseOnly
from apps.tenants.operations import POLICY, PREDICATE

M = TypeVar("M", bound=models.Model)

# Immutable only because the dictionary and the form are named. Plain ASCII, which has neither
# accents nor forms, is what most names and all numbers are: it takes a tenth of the time.
FOLD: Final = """
CREATE FUNCTION campus_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN octet_length(value) = length(value) THEN lower(value)
        ELSE lower(public.unaccent('public.unaccent'::regdictionary, normalize(value, NFKC))) END
"""
# Row level security holds for the application's role; the owner is let through (no FORCE), so that
# campus_search() can use the trigrams. No foreign keys: the triggers alone write here.
TABLE: Final = f"""
CREATE TABLE search_entry (
    campus_id bigint NOT NULL,
    kind text NOT NULL,
    object_id bigint NOT NULL,
    words text NOT NULL,
    PRIMARY KEY (campus_id, kind, object_id)
);
CREATE INDEX search_entry_words ON search_entry USING gin (words gin_trgm_ops);
ALTER TABLE search_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY {POLICY} ON search_entry USING ({PREDICATE}) WITH CHECK ({PREDICATE})
"""
# Folded first, escaped afterwards: folding can turn other characters (a full-width ％) into the
# wildcards of LIKE. The longest word is looked up, the others are compared on what it finds.
# Planned anew each time: one plan for all would walk the whole index for words of one letter.
SEARCH: Final = rf"""
CREATE FUNCTION campus_search(wanted text, query text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER ROWS 50
    SET search_path = public, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    patterns text[] := (
        SELECT array_agg(
            '%' || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%'
            ORDER BY length(word) DESC
        )
        FROM regexp_split_to_table(campus_fold(query), '\s+') AS word WHERE word <> ''
    );
BEGIN
    RETURN QUERY
        SELECT object_id FROM search_entry
        WHERE {PREDICATE} AND kind = wanted
            AND words LIKE patterns[1] AND words LIKE ALL (patterns[2:]);
END
$$
"""
# The words of a row: the trigger's arguments name its columns. What is new has no words yet.
KEEP: Final = """
CREATE FUNCTION search_entry_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    columns text := (SELECT string_agg(format('%I', name), ', ') FROM unnest(TG_ARGV) AS name);
    known text := 'ON CONFLICT (campus_id, kind, object_id) DO UPDATE SET words = excluded.words
        WHERE search_entry.words <> excluded.words';
BEGIN
    EXECUTE format(
        'INSERT INTO search_entry (campus_id, kind, object_id, words)
        SELECT campus_id, %L, id, campus_fold(concat_ws('' '', %s)) FROM fresh %s',
        TG_TABLE_NAME, columns, CASE TG_OP WHEN 'UPDATE' THEN known ELSE '' END
    );
    RETURN NULL;
END
$$
"""
DROP: Final = """
CREATE FUNCTION search_entry_drop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM search_entry e USING gone
    WHERE e.campus_id = gone.campus_id AND e.kind = TG_TABLE_NAME AND e.object_id = gone.id;
    RETURN NULL;
END
$$
"""
UNDO: Final = """
DROP FUNCTION search_entry_drop();
DROP FUNCTION search_entry_keep();
DROP FUNCTION campus_search(text, text);
DROP TABLE search_entry;
DROP FUNCTION campus_fold(text)
"""


class MakeSearch(DatabaseOnly):
    """The folding, the table of searchable words and the function that searches it.

    Needs the extensions unaccent and pg_trgm.
    """

    forwards = (FOLD, TABLE, SEARCH, KEEP, DROP)
    backwards = UNDO

    def describe(self) -> str:
        return "Make the search of names"


class SearchBy(DatabaseOnly):
    """Keep these columns of a tenant-owned model searchable, from its first row on."""

    def __init__(self, model_name: str, columns: Sequence[str]) -> None:
        self.model_name = model_name
        self.columns = list(columns)

    def deconstruct(self) -> Any:
        return (self.__class__.__name__, [self.model_name, self.columns], {})

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        columns = ", ".join(schema_editor.quote_value(column) for column in self.columns)
        for event in ("INSERT", "UPDATE"):
            schema_editor.execute(
                f'CREATE TRIGGER search_{event.lower()} AFTER {event} ON "{table}" '
                "REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT "
                f"EXECUTE FUNCTION search_entry_keep({columns})"
            )
        schema_editor.execute(
            f'CREATE TRIGGER search_delete AFTER DELETE ON "{table}" '
            "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION search_entry_drop()"
        )

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for event in ("insert", "update", "delete"):
            schema_editor.execute(f'DROP TRIGGER search_{event} ON "{table}"')

    def describe(self) -> str:
        return f"Search {self.model_name} by {', '.join(self.columns)}"


class _Found(models.Func):
    """`id = ANY (what campus_search finds)`.

    An array instead of a subquery: however many there are, the rows are read in one walk through
    the index of the ids, not in one look-up each.
    """

    output_field = models.BooleanField()
    conditional = True

    def __init__(self, column: Any, *, kind: str, text: str) -> None:
        super().__init__(column)
        self.kind = kind
        self.text = text

    def as_sql(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        column, params = compiler.compile(self.source_expressions[0])
        return (
            f"{column} = ANY (ARRAY(SELECT campus_search(%s, %s)))",
            (*params, self.kind, self.text),
        )


def found_by(model: type[models.Model], text: str, *, column: str = "pk") -> models.Func:
    """The condition that a row (or the row that `column` names) has every word of `text` in it.

    Parts of words count, case and accents do not. A text without a word finds nothing.
    """
    return _Found(column, kind=model._meta.db_table, text=text)


def matching(rows: models.QuerySet[M], text: str) -> models.QuerySet[M]:
    """These rows, as far as the text is found in them. A number may be typed in any script."""
    plain = "".join(text.split()).isdecimal()
    return rows.filter(found_by(rows.model, plain_digits(text) if plain else text))
