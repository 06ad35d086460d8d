"""Runs the BigQuery emulator out of a folder of packages: FOLDER, then the emulator's own arguments."""

import functools
import site
import sys

folder = sys.argv.pop(1)
site.addsitedir(folder)
# Before the system's packages, which may hold others of the same name.
sys.path.remove(folder)
sys.path.insert(0, folder)

import duckdb_extensions
import sqlglot

for name in ("spatial", "icu", "json", "avro"):
    duckdb_extensions.import_extension(name)

# The emulator spends three quarters of its time in sqlglot: its rewriters parse each statement some
# thirty times, and a compiled generator for DuckDB takes 10 ms to make.
parsed = functools.lru_cache(maxsize=256)(sqlglot.parse_one)
make_generator = sqlglot.Dialect.generator


@functools.lru_cache
def generator_of(dialect, **options):
    return make_generator(dialect(), **options)


sqlglot.parse_one = lambda sql, **options: parsed(sql, **options).copy()
sqlglot.Dialect.generator = lambda dialect, **options: generator_of(type(dialect), **options)

from bqemulator.cli import main

sys.exit(main())
