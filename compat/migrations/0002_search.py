"""Text search: FTS5 trigrams kept by triggers on SQLite, a trigram index on PostgreSQL. Both find substrings."""

from django.db import migrations

SQLITE = [
    """CREATE VIRTUAL TABLE compat_search USING fts5(
        search_text, content='compat_modelrecord', content_rowid='id', tokenize='trigram'
    )""",
    """CREATE TRIGGER compat_search_insert AFTER INSERT ON compat_modelrecord BEGIN
        INSERT INTO compat_search(rowid, search_text) VALUES (new.id, new.search_text);
    END""",
    """CREATE TRIGGER compat_search_delete AFTER DELETE ON compat_modelrecord BEGIN
        INSERT INTO compat_search(compat_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    END""",
    """CREATE TRIGGER compat_search_update AFTER UPDATE OF search_text ON compat_modelrecord
        WHEN old.search_text <> new.search_text BEGIN
        INSERT INTO compat_search(compat_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
        INSERT INTO compat_search(rowid, search_text) VALUES (new.id, new.search_text);
    END""",
]
POSTGRESQL = [
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX compat_search ON compat_modelrecord USING gin (search_text gin_trgm_ops)",
]


def forwards(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for name in ("insert", "delete", "update"):
            schema_editor.execute(f"DROP TRIGGER compat_search_{name}")
        schema_editor.execute("DROP TABLE compat_search")
    else:
        schema_editor.execute("DROP INDEX compat_search")


class Migration(migrations.Migration):
    dependencies = [("compat", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
