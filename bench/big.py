"""Make a big catalogue quickly: the bundled snapshot's records copied inside the database under altered ids.

``DATABASE_URL=sqlite:///var/big.sqlite3 python -m bench.big --records 1000000``

``author/name`` becomes ``author/name-0007`` or ``author-12/name-0007``. Downloads, likes and dates differ from copy to
copy, so that orders mean something; every eighth copy has a few more parameters and larger files, so that memory
estimates differ as well. Facts and verdicts are those of the original, and so are its documents.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

SPREAD = 7919
"""A prime: neighbouring records get far apart numbers."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the database of ``DATABASE_URL`` up to so many records; what is already there stays."""
    parser = argparse.ArgumentParser(prog="python -m bench.big", description=__doc__)
    parser.add_argument("--records", type=int, required=True, help="how many records the catalogue shall have")
    records = parser.parse_args(arguments).records
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    os.environ.setdefault("SECRET_KEY", "measuring")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    start = time.perf_counter()
    total = fill(records)
    print(f"{total:,} records in {time.perf_counter() - start:.0f} s")


def fill(records: int) -> int:
    """Load the bundled snapshot if it is not there, then copy it until there are so many records."""
    from compat.ingest import store as sync
    from compat.ingest.changes import raise_catalogue_version
    from compat.ingest.from_files import BUNDLED, RecordFile
    from compat.models import ModelRecord
    from compat.models.engines import ensure_settings

    if not ModelRecord.objects.exists():
        ensure_settings()
        with RecordFile(BUNDLED) as lines:
            sync.store_raw(lines, origin="snapshot")
    have = ModelRecord.objects.count()
    if records > have:
        _copy(records - have)
        raise_catalogue_version()
    return ModelRecord.objects.count()


def _copy(wanted: int) -> None:
    """Copy whole rounds of the originals, the last round in part, in one transaction."""
    from django.db import connection, transaction
    from django.db.models import Max, Min

    from compat.models import ModelRecord

    originals = ModelRecord.objects.filter(origin="snapshot")
    if not originals.exists():
        raise SystemExit("The database holds records, but not the bundled snapshot: name an empty database.")
    bounds = originals.aggregate(low=Min("id"), high=Max("id"))
    low, high = bounds["low"], bounds["high"]
    last = ModelRecord.objects.aggregate(high=Max("id"))["high"]
    count = originals.count()
    step = high - low + 1
    number = (last - low) // step
    words = _WORDS[connection.vendor]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA cache_size=-1000000")
        with transaction.atomic():
            while wanted > 0:
                number += 1
                until = high if wanted >= count else originals.order_by("id").values_list("id", flat=True)[wanted - 1]
                values = {"shift": number * step, "number": number, "low": low, "high": until, **words}
                for statement in _statements(values):
                    cursor.execute(statement)
                wanted -= count
                if number % 10 == 0:
                    print(f"  round {number}", file=sys.stderr)
            for table in _NUMBERED if connection.vendor == "postgresql" else ():
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)")


_NUMBERED = (
    "compat_modelrecord",
    "compat_recorddocument",
    "compat_recordvariant",
    "compat_recordrelation",
    "compat_recordlanguage",
)
_WORDS = {
    "sqlite": {
        "created": "strftime('%Y-%m-%d %H:%M:%S', '2022-03-02', '+' || (chance * 145) || ' seconds')",
        "modified": "strftime('%Y-%m-%d %H:%M:%S', '2022-06-01', '+' || (other * 139) || ' seconds')",
        "real": "REAL",
        "tail": "printf('-%04d', {number})",
    },
    "postgresql": {
        "created": "timestamptz '2022-03-02 00:00+00' + (chance * 145) * interval '1 second'",
        "modified": "timestamptz '2022-06-01 00:00+00' + (other * 139) * interval '1 second'",
        "real": "DOUBLE PRECISION",
        "tail": "'-' || lpad('{number}', 4, '0')",
    },
}
_CHANGED = {
    "id": "id + {shift}",
    "origin": "'file'",
    "owner": "owner_",
    "name": "short || tail",
    "repo_id": "CASE WHEN owner = '' THEN '' ELSE owner_ || '/' END || short || tail",
    "search_text": (
        "lower(CASE WHEN owner = '' THEN '' ELSE owner_ || '/' END || short || tail) || ' ' "
        "|| substr(search_text, length(repo_id) + 2) || substr(tail, 2)"
    ),
    "downloads": "downloads_",
    "likes": "likes_",
    "trending": "CASE WHEN chance % 50 = 0 THEN CAST(other AS {real}) / 1000 END",
    "popularity": "(coalesce(downloads_, 0) << 24) | coalesce(likes_, 0)",
    "created": "{created}",
    "modified": "CASE WHEN chance % 20 > 0 THEN {modified} END",
    "parameters": "CASE WHEN {number} % 8 = 0 THEN parameters + parameters / 1000 ELSE parameters END",
}
_PARTS = {
    "compat_recordvariant": {
        "size_bytes": "CASE WHEN {number} % 8 = 0 THEN size_bytes + {number} * 4096 ELSE size_bytes END"
    },
    "compat_recorddocument": {},
    "compat_recordlanguage": {},
    "compat_recordrelation": {},
    "compat_recordtags": {},
}


def _statements(values: Mapping[str, object]) -> Iterator[str]:
    """The statements of one round, each an INSERT of what it SELECTs."""
    from compat.models import ModelRecord, RecordDocument, RecordLanguage, RecordRelation, RecordTags, RecordVariant

    columns = [str(column.column) for column in ModelRecord._meta.concrete_fields]  # noqa: SLF001 - documented by Django as public
    chosen = ", ".join(_CHANGED.get(name, name) for name in columns)
    chances = """SELECT *, (id * {spread} + {number} * 104729) % 1000003 AS chance,
        (id * 15485863 + {number} * {spread}) % 1000003 AS other, {tail} AS tail,
        CASE WHEN owner <> '' AND {number} % 3 > 0 THEN substr(owner, 1, 90) || '-' || ({number} % 40)
        ELSE owner END AS owner_,
        substr(name, 1, 90) AS short
        FROM compat_modelrecord WHERE id BETWEEN {low} AND {high}"""
    share = "coalesce(downloads, 200000) * chance / 1000003 * other / 1000003"
    loads = f"SELECT *, {share} AS downloads_ FROM ({chances}) AS a"
    few = "CASE WHEN chance % 10 < 7 THEN downloads_ / (30 + other % 100) END"
    liked = f"SELECT *, {few} AS likes_ FROM ({loads}) AS b"
    records = f"INSERT INTO compat_modelrecord ({', '.join(columns)}) SELECT {chosen} FROM ({liked}) AS c"
    given = {**values, "spread": SPREAD}
    yield records.format(**given).format(**given)
    for model in (RecordDocument, RecordVariant, RecordLanguage, RecordRelation, RecordTags):
        table = model._meta.db_table  # noqa: SLF001 - documented by Django as public
        names = [str(column.column) for column in model._meta.concrete_fields if column.column != "id"]  # noqa: SLF001 - documented by Django as public
        changed = {"record_id": "record_id + {shift}", **_PARTS[table]}
        picked = ", ".join(changed.get(name, name) for name in names)
        text = f"INSERT INTO {table} ({', '.join(names)}) SELECT {picked} FROM {table}"
        yield f"{text} WHERE record_id BETWEEN {{low}} AND {{high}}".format(**given)


if __name__ == "__main__":
    main()
