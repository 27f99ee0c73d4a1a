"""Opens every table of a run in DuckDB, Polars and pandas; fails where one of them sees other columns or values.

Usage: read_parquet.py RUN_DIRECTORY EXPECTED_JSON
EXPECTED_JSON: {table: {"files": glob, "columns": [name...], "times": [name...], "rows": [[cell...]...]}}
Timestamps are milliseconds since the epoch. Writes nothing.
"""

import glob
import json
import sys
from pathlib import Path

import duckdb
import pandas
import polars


def by_duckdb(pattern, times):
    relation = duckdb.read_parquet(pattern)
    columns = list(relation.columns)
    cells = [f'epoch_ms("{name}")' if name in times else f'"{name}"' for name in columns]
    rows = duckdb.sql(f"select {', '.join(cells)} from read_parquet('{pattern}')").fetchall()
    return columns, [list(row) for row in rows]


def by_polars(pattern, times):
    frame = polars.scan_parquet(pattern).collect()
    for name in times:
        assert frame.schema[name] == polars.Datetime("ms", "UTC"), (name, frame.schema[name])
    str(frame)  # Printing must not panic, whatever a producer sent as a timestamp.
    frame = frame.with_columns(polars.col(name).to_physical() for name in times)
    return frame.columns, [list(row) for row in frame.rows()]


def by_pandas(pattern, times):
    # Arrow-backed: NumPy has no nullable integers and would round large offsets.
    parts = [pandas.read_parquet(path, dtype_backend="pyarrow") for path in sorted(glob.glob(pattern))]
    frame = pandas.concat(parts, ignore_index=True)
    str(frame)
    for name in times:
        assert str(frame[name].dtype) == "timestamp[ms, tz=UTC][pyarrow]", (name, frame[name].dtype)
        frame[name] = frame[name].astype("int64[pyarrow]")
    columns = [frame[name].array.__arrow_array__().to_pylist() for name in frame.columns]
    return list(frame.columns), [list(row) for row in zip(*columns)]


READERS = {"DuckDB": by_duckdb, "Polars": by_polars, "pandas": by_pandas}


def compare(reader, table, directory, expected):
    """Returns what differs, a line each."""
    columns, rows = READERS[reader](str(directory / expected["files"]), expected["times"])
    if columns != expected["columns"]:
        return [f"{reader}, {table}: columns {columns}, expected {expected['columns']}"]
    if len(rows) != len(expected["rows"]):
        return [f"{reader}, {table}: {len(rows)} rows, expected {len(expected['rows'])}"]
    return [
        f"{reader}, {table}, row {number}, {column}: {found!r}, expected {wanted!r}"
        for number, (row, wanted_row) in enumerate(zip(rows, expected["rows"]))
        for column, found, wanted in zip(columns, row, wanted_row)
        if found != wanted or type(found) is not type(wanted)
    ]


def questions(directory):
    """The questions that the documentation answers in SQL, without quoting a column. Returns their answers."""
    sql = {
        "by kind": f"select kind, count(*) from '{directory}/findings/*.parquet' group by kind order by kind",
        "by part": f"select part, count(*) from (select unnest(parts) as part from '{directory}/findings/*.parquet')"
        " group by part order by part",
        "unsafe": f"select group_id, topic, partition, skip_records from '{directory}/positions.parquet'"
        " where skip_records > 0",
        "translate 150": f"select target_offset + 150 - source_offset from '{directory}/offset_map.parquet'"
        " where 150 >= source_offset and 150 < source_offset + record_count",
        "translate 50": f"select target_offset + 50 - source_offset from '{directory}/offset_map.parquet'"
        " where 50 >= source_offset and 50 < source_offset + record_count",
        "joined": f"select p.missing_record, count(*) from '{directory}/pairs.parquet' p"
        f" join '{directory}/findings/*.parquet' f using (source_topic, source_partition)"
        " where f.kind = 'missing_record' group by p.missing_record",
    }
    return {name: [list(row) for row in duckdb.sql(query).fetchall()] for name, query in sql.items()}


def main():
    directory, expected = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    wrong = [
        line
        for table, content in expected["tables"].items()
        for reader in READERS
        for line in compare(reader, table, directory, content)
    ]
    answers = questions(directory)
    if answers != expected["answers"]:
        wrong.append(f"DuckDB answers {answers}, expected {expected['answers']}")
    print("\n".join(wrong) or f"{len(expected['tables'])} tables agree in {', '.join(READERS)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
