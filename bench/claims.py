#!/usr/bin/env python3
"""What a shared store costs a fleet: rows a second with 1, 2 and 4 workers, and what they do at rest.

    claims.py PROGRAM [ROWS]

Nobody is asked (depth syntax), so that claiming rows and keeping results is most of the work. Beside
each figure stands bare SQL on the same server right after it: as many sessions as there were workers
claim the same chunks with SKIP LOCKED, read their rows, insert the very results that the workers made,
count them and delete the chunk, in one transaction a chunk, without a client. CPU time of workers and of
their sessions in the server is told apart, for machines that have other things to do. Then the load of
workers and service that have nothing to do, in transactions a second.

Skipped, saying so, where there is no PostgreSQL.
"""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("MK_SOURCE_ROOT", str(ROOT))
sys.path[:0] = [str(ROOT / "tests/postgres"), str(ROOT / "tests/e2e")]
PROGRAM = os.path.abspath(sys.argv[1])
ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 50000
sys.argv[1:] = [PROGRAM]
from server import Missing, Server  # noqa: E402
from service import Service  # noqa: E402

IDLE_S = 20

PREPARE = """
CREATE TABLE bare_result (LIKE mailknock.result INCLUDING ALL);
CREATE TABLE bare_tally (LIKE mailknock.tally INCLUDING ALL);
CREATE TABLE bare_chunk (job bigint, turn bigint, until bigint, worker bigint NOT NULL DEFAULT 0, PRIMARY KEY (job, turn));
CREATE INDEX bare_chunk_free ON bare_chunk (job, turn) WHERE worker=0;
INSERT INTO bare_chunk SELECT job, t, t + width FROM (SELECT job, (1::bigint << 32) / greatest(1, count(*) / 200) + 1
    AS width FROM mailknock.line GROUP BY job) j, generate_series(0, (1::bigint << 32) - 1, width) t;
ANALYZE bare_chunk; ANALYZE mailknock.line; ANALYZE mailknock.result;
CREATE PROCEDURE bare(spot int) LANGUAGE plpgsql AS $$
DECLARE c record; claimed bigint[]; floor bigint := 0;
BEGIN LOOP
  UPDATE bare_chunk b SET worker = 1 FROM (SELECT job, turn FROM bare_chunk WHERE worker = 0 AND turn >= floor
      ORDER BY turn LIMIT 1 FOR UPDATE SKIP LOCKED) f WHERE b.job = f.job AND b.turn = f.turn RETURNING b.* INTO c;
  EXIT WHEN NOT FOUND;
  floor := c.turn;
  COMMIT;
  SELECT array_agg(row) INTO claimed FROM mailknock.line l WHERE l.job = c.job AND l.turn >= c.turn AND l.turn < c.until
      AND l.first = 0 AND NOT EXISTS (SELECT 1 FROM bare_result s WHERE s.job = l.job AND s.row = l.row);
  WITH put AS (INSERT INTO bare_result SELECT * FROM mailknock.result WHERE job = c.job AND row = ANY (claimed)
      ON CONFLICT DO NOTHING RETURNING reason)
    INSERT INTO bare_tally (job, reason, place, results, rows) SELECT c.job, reason, spot, count(*), count(*) FROM put
      GROUP BY reason ON CONFLICT (job, reason, place) DO UPDATE SET results = bare_tally.results + excluded.results,
      rows = bare_tally.rows + excluded.rows;
  DELETE FROM bare_chunk WHERE job = c.job AND turn = c.turn;
  COMMIT;
END LOOP; END $$;
"""


def psql(server, text):
    command = [os.path.join(server.programs, "psql"), "-h", server.folder, "-U", "mailknock", "-d", "postgres", "-qAtX",
               "-v", "ON_ERROR_STOP=1", "-c", text]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def bare(server, count):
    done = subprocess.run([os.path.join(server.programs, "psql"), "-h", server.folder, "-U", "mailknock", "-d", "postgres",
                           "-qAtX", "-v", "ON_ERROR_STOP=1"], input=PREPARE.encode(), check=True, timeout=300)
    assert done.returncode == 0
    cpu, began = ended_sessions_cpu(server), time.monotonic()
    sessions = [psql(server, f"CALL bare({place})") for place in range(count)]
    assert all(session.wait(600) == 0 for session in sessions)
    took = time.monotonic() - began
    cpu = ended_sessions_cpu(server) - cpu
    assert server.sql("SELECT count(*) FROM bare_result") == str(ROWS)
    return ROWS / took, cpu


def ended_sessions_cpu(server):
    """Seconds of all sessions that have ended."""
    time.sleep(0.5)
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def ended_children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def transactions(server):
    time.sleep(1.5)  # sessions tell of theirs when they have been idle for a second
    return int(server.sql("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname='postgres'"))


def at_rest(server):
    before, began = transactions(server), time.monotonic()
    time.sleep(IDLE_S)
    return (transactions(server) - before - 1) / (time.monotonic() - began)


def run(service, server, count, config):
    rows = b"email\n" + b"".join(b"someone%d@d%d.example\n" % (i, i % 997) for i in range(ROWS))
    job = service.upload(rows, options={"start": False, "depth": "syntax"})["id"]
    service.wait(job, ("ready",), 600)
    workers = [subprocess.Popen([PROGRAM, "worker", "--config", config, "--store", server.url],
                                stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        while server.sql("SELECT count(*) FROM mailknock.worker") != str(count):
            time.sleep(0.1)
        rest = at_rest(server)
        began, own, sessions = time.monotonic(), ended_children_cpu(), ended_sessions_cpu(server)
        assert service.post(f"/v1/lists/{job}/resume").status == 200
        service.wait(job, ("done",), 600)
        rate = ROWS / (time.monotonic() - began)
    finally:
        for worker in workers:
            worker.terminate()
        statuses = [worker.wait(30) for worker in workers]
    assert not any(statuses), statuses
    return rate, rest, ended_children_cpu() - own, ended_sessions_cpu(server) - sessions


def fleet(count):
    server = Server({"shared_buffers": "256MB", "max_wal_size": "4GB"})
    try:
        with tempfile.TemporaryDirectory(prefix="mk-claims-") as folder:
            config = os.path.join(folder, "conf")
            pathlib.Path(config).write_text("depth = syntax\nhelo = bench.example\n")
            service = Service(config, folder, "--store", server.url)
            try:
                figures = run(service, server, count, config)
                # Both are in parts, which a partitioned table's own size leaves out.
                sizes = server.sql("SELECT " + ", ".join(
                    f"(SELECT sum(pg_total_relation_size(relid))::bigint / {ROWS}"
                    f" FROM pg_partition_tree('mailknock.{table}'))"
                    for table in ("line", "result"))).split("|")
            finally:
                service.close()
            return *figures, sizes, *bare(server, count)
    finally:
        server.remove()


def main():
    print(f"{ROWS} rows, depth syntax, fsync off")
    try:
        for count in (1, 2, 4):
            rate, rest, own, sessions, sizes, raw, raw_cpu = fleet(count)
            print(f"{count} workers: {rate:.0f} rows/s; bare SQL, {count} sessions: {raw:.0f} ({rate / raw:.0%} of it)\n"
                  f"  CPU a million rows: workers {own / ROWS * 1e6:.0f} s, their sessions {sessions / ROWS * 1e6:.0f} s,"
                  f" bare SQL {raw_cpu / ROWS * 1e6:.0f} s ({raw_cpu / sessions:.0%} of theirs)\n"
                  f"  at rest, with the service: {rest:.1f} transactions/s; bytes a row: {sizes[0]} of the list,"
                  f" {sizes[1]} of its result", flush=True)
    except Missing as why:
        print("skipped:", why)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
