"""--timescale, where TimescaleDB is installed (skipped elsewhere): a hypertable instead of months, rows once through KILLS kills (8; 100 nightly), volatilities those of an
undisturbed run, chunks that --keep has ended dropped; and a database without the extension is refused with the way out."""
import glob, os, sys
import lib_cluster as c

if not glob.glob("/usr/share/postgresql/*/extension/timescaledb.control"):
    print("skipped: TimescaleDB is not installed")
    sys.exit(0 if c.NIGHTLY else 77)
kills = c.count("KILLS", 8, 100)
rnd = c.seeded()
postgres = c.Postgres("shared_preload_libraries=timescaledb", "timescaledb.telemetry_level=off")
log, calm = f"file:{c.work}/log", f"{c.work}/calm.db"
# 28 days of a message a minute, up to a day ago: five chunks of seven days
c.fxmon("produce", "--from", f"sim:?seed={rnd.randrange(1000)}&rate=max&interval=60s&count=40000&start=" + c.stamp(c.time.time_ns() - 29 * 86400 * 10**9), "--to", log)
c.fxmon("consume", "--from", log, "--sink", "sqlite:" + calm, "--until-end")

plain = postgres.database("plain")
said = c.fxmon("consume", "--from", log, "--sink", plain, "--timescale", "--until-end", status=3)
if "CREATE EXTENSION timescaledb" not in said:
    c.fail("not said how to go on:", said)

url = postgres.database("chunks")
postgres.sql("CREATE EXTENSION timescaledb", url)
for _ in range(kills):
    member = c.Program("consume", "--from", log, "--sink", url, "--timescale", "--batch", "100", "--log-level", "warning")
    c.pause(rnd.uniform(0.05, 0.6))  # the moment of the kill is the point of the test
    if not member.alive():
        c.fail("it ended by itself:", member.said())
    member.kill()
c.fxmon("consume", "--from", log, "--sink", url, "--timescale", "--until-end")
rows, want = c.postgres_rows(postgres, url), dict(c.sqlite_rows(calm))
if len(rows) != len(want) or dict(rows) != want:
    c.fail(f"{len(rows)} rows, {len(dict(rows))} different ones, {len(want)} expected; not all as in an undisturbed run")
(chunks,), = postgres.sql("SELECT num_chunks FROM timescaledb_information.hypertables WHERE hypertable_name='fx_rates'", url)
if int(chunks) < 5:
    c.fail(f"{chunks} chunks of a month of rows")
c.fxmon("consume", "--from", log, "--sink", url, "--timescale", "--keep", "10d", "--until-end")
(left, oldest), = postgres.sql("SELECT count(*), min(observed_at) > now() - interval '18 days' FROM fx_rates", url)
if not 0 < int(left) < 320000 or oldest != "t":
    c.fail(f"after --keep 10d there are {left} rows, the oldest one younger than 18 days: {oldest}")
c.say(f"{chunks} chunks, {kills} kills: 0 lost, 0 doubled; {left} rows are left after --keep 10d")
