"""Runs the BigQuery emulator out of a folder of packages: FOLDER, then the emulator's own arguments."""

import site
import sys

folder = sys.argv.pop(1)
site.addsitedir(folder)
# Before the system's packages, which may hold others of the same name.
sys.path.remove(folder)
sys.path.insert(0, folder)

import duckdb_extensions

for name in ("spatial", "icu", "json", "avro"):
    duckdb_extensions.import_extension(name)

from bqemulator.cli import main

sys.exit(main())
