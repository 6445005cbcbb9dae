"""A store that runs inside Python, behind lines of JSON: one request a line on stdin, one answer a line on stdout.

    sql_peer.py duckdb|chdb FOLDER
    {"load": "cpu.csv", "tags": [..], "fields": [..]}     -> {"rows": n, "seconds": s}
    {"sql": "SELECT ..", "runs": n, "into": "file" | null} -> {"ms": [n times]}

The first line out says the version. A run's time ends when the answer is an Arrow table. `into` gets the last answer
as an Arrow stream. What fails is {"error": ".."}.
"""

import json
import sys
import time

import pyarrow

# As many as the machine of the comparison has, and as Weir takes.
THREADS = 2


class DuckDb:
    """DuckDB's own format, sorted as Weir and ClickHouse sort, so that its zone maps help."""

    def __init__(self, folder):
        import duckdb

        self.version = duckdb.__version__
        self.connection = duckdb.connect(f"{folder}/cpu.duckdb", config={"threads": THREADS})
        self.connection.execute("SET TimeZone = 'UTC'")

    def load(self, csv, tags, fields):
        types = [("time", "TIMESTAMP")] + [(tag, "VARCHAR") for tag in tags] + [(field, "BIGINT") for field in fields]
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types)
        self.connection.execute(
            f"CREATE TABLE cpu AS SELECT * FROM read_csv('{csv}', header = true, columns = {{{columns}}}) "
            "ORDER BY hostname, time"
        )
        self.connection.execute("CHECKPOINT")
        return self.connection.execute("SELECT count(*) FROM cpu").fetchall()[0][0]

    def query(self, sql):
        return self.connection.sql(sql).to_arrow_table()


class ChDb:
    """ClickHouse in this process: MergeTree, merged to one part."""

    def __init__(self, folder):
        from chdb import session

        self.session = session.Session(folder)
        self.version = str(self.session.query("SELECT version()")).strip().strip('"')

    def load(self, csv, tags, fields):
        columns = ["time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1))"]
        columns += [f"{tag} LowCardinality(String)" for tag in tags]
        columns += [f"{field} Int64 CODEC(T64, LZ4)" for field in fields]
        self.session.query("CREATE DATABASE bench ENGINE = Atomic")
        self.session.query(
            f"CREATE TABLE bench.cpu ({', '.join(columns)}) ENGINE = MergeTree ORDER BY (hostname, time)"
        )
        names = ", ".join(["time", *tags, *fields])
        self.session.query(
            f"INSERT INTO bench.cpu ({names}) SELECT {names} FROM file('{csv}', 'CSVWithNames') "
            f"SETTINGS max_threads = {THREADS}"
        )
        self.session.query("OPTIMIZE TABLE bench.cpu FINAL")
        return int(str(self.session.query("SELECT count() FROM bench.cpu", "CSV")))

    def query(self, sql):
        return self.session.query(f"{sql} SETTINGS max_threads = {THREADS}", "ArrowTable")


def answer(store, request):
    begun = time.perf_counter()
    if "load" in request:
        rows = store.load(request["load"], request["tags"], request["fields"])
        return {"rows": rows, "seconds": time.perf_counter() - begun}
    taken = []
    for _ in range(request["runs"]):
        begun = time.perf_counter()
        table = store.query(request["sql"])
        taken.append((time.perf_counter() - begun) * 1e3)
    if request["into"]:
        with pyarrow.OSFile(request["into"], "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    return {"ms": taken}


def main():
    kind, folder = sys.argv[1:]
    store = {"duckdb": DuckDb, "chdb": ChDb}[kind](folder)
    print(json.dumps({"version": store.version}), flush=True)
    for line in sys.stdin:
        try:
            said = answer(store, json.loads(line))
        except Exception as error:  # the bench decides what a failure means
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


main()
