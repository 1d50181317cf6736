/*
 * store/postgresql_schema.c - the tables, the views that people read, and how an old schema becomes a new one.
 *
 * fx_rates is one table by months of observed_at, so that old months go by dropping a table. Its key is what history is asked by (pair, time), followed by
 * where in which log the row came from: applying a record twice meets the same key, which makes a duplicate a loud error, and there is no second index to
 * write. pair is compared by bytes (COLLATE "C"): a third of the cost of the key otherwise is the language's rules of sorting. Prices are numeric without
 * a fixed scale, so they keep the digits they came with. What timestamptz does not hold, the nanoseconds, is in columns of its own.
 *
 * Rows without a month of their own lie in fx_rates_default; making the month later moves them. Months are made and dropped by two functions in the
 * database, because names of tables cannot be parameters.
 *
 * Steps of `migrations` run in one transaction each, under a lock, so that several programs may start at once. A step that was released is never edited;
 * a change is a new step.
 */
#include "store/postgresql.h"

#include "base/error.h"

#define LOCK_SCHEMA "SELECT pg_advisory_xact_lock(1719168367,1)"

#define INSTANT(ns) "('epoch'::timestamptz+" ns "/1000*interval '1 microsecond')"
#define RATE_COLUMNS                                                                                                             \
    "observed_at timestamptz NOT NULL,ingested_at timestamptz,processing_timestamp timestamptz NOT NULL DEFAULT now(),"          \
    "kafka_offset bigint NOT NULL,volatility double precision,kafka_partition integer NOT NULL,samples integer NOT NULL DEFAULT 0,"  \
    "observed_ns smallint NOT NULL DEFAULT 0,ingested_ns smallint NOT NULL DEFAULT 0,stream smallint NOT NULL,"                   \
    "kind smallint NOT NULL DEFAULT 0,pair text COLLATE \"C\" NOT NULL,source text COLLATE \"C\" NOT NULL,rate numeric NOT NULL,"   \
    "bid numeric,ask numeric,processed_by_consumer text"
#define RATE_VIEW(table, more)                                                                                                   \
    "SELECT r.observed_at AS timestamp,r.pair,r.rate,r.volatility,r.source,r.bid,r.ask,r.ingested_at,"                            \
    "CASE r.kind WHEN 0 THEN 'quote' WHEN 1 THEN 'late' ELSE 'cross' END AS kind,r.samples,l.stream,r.kafka_partition AS partition,"   \
    "r.kafka_offset AS \"offset\",(extract(epoch FROM r.observed_at)*1000000000+r.observed_ns)::bigint AS time_ns" more          \
    " FROM " table " r LEFT JOIN fxmon_stream l ON l.id=r.stream"
#define HEALTH_ID "component||' '||instance"
#define PARTITIONS(list) "string_to_array(nullif(rtrim(replace(" list ",'...',''),','),''),',')::int[]" /* a list that was cut ends in "..." */

static const char rates_by_month[] =
    "CREATE TABLE fx_rates(" RATE_COLUMNS ",PRIMARY KEY(pair,observed_at,observed_ns,stream,kafka_partition,kafka_offset)) PARTITION BY RANGE(observed_at);"
    "CREATE TABLE fx_rates_default PARTITION OF fx_rates DEFAULT";
static const char rates_as_hypertable[] =
    "CREATE TABLE fx_rates(" RATE_COLUMNS ",PRIMARY KEY(pair,observed_at,observed_ns,stream,kafka_partition,kafka_offset));"
    "SELECT create_hypertable('fx_rates','observed_at',chunk_time_interval=>interval '7 days',create_default_indexes=>false)";

/* By the rows of the catalog: a name that was looked up and not found before a wait for a lock is still not found after it. */
#define MONTH_IS_THERE "SELECT FROM pg_inherits i JOIN pg_class c ON c.oid=i.inhrelid WHERE i.inhparent='fx_rates'::regclass AND c.relname=part"

static const char months[] =
    /* true: the month has a table of its own */
    "CREATE FUNCTION fxmon_make_month(month date) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$"
    "DECLARE part text:='fx_rates_'||to_char(month,'YYYY_MM');"
    "low timestamptz:=date_trunc('month',month::timestamp) AT TIME ZONE 'UTC';"
    "high timestamptz:=(date_trunc('month',month::timestamp)+interval '1 month') AT TIME ZONE 'UTC';"
    "BEGIN "
    "IF (SELECT relkind FROM pg_class WHERE oid='fx_rates'::regclass)<>'p' THEN RETURN false;END IF;"
    "IF EXISTS(" MONTH_IS_THERE ") THEN RETURN true;END IF;"
    "PERFORM pg_advisory_xact_lock(1719168367,2);"
    "IF EXISTS(" MONTH_IS_THERE ") THEN RETURN true;END IF;"
    "LOCK TABLE fx_rates_default IN ACCESS EXCLUSIVE MODE;"
    "EXECUTE format('CREATE TABLE %I(LIKE fx_rates INCLUDING DEFAULTS)',part);"
    "EXECUTE format('WITH moved AS(DELETE FROM fx_rates_default WHERE observed_at>=$1 AND observed_at<$2 RETURNING *) "
    "INSERT INTO %I SELECT * FROM moved',part) USING low,high;"
    "EXECUTE format('ALTER TABLE fx_rates ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',part,low,high);"
    "RETURN true;END$$;"
    /* months that ended before; how many */
    "CREATE FUNCTION fxmon_drop_months(before timestamptz) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$"
    "DECLARE part text;dropped bigint:=0;"
    "BEGIN "
    "IF (SELECT relkind FROM pg_class WHERE oid='fx_rates'::regclass)<>'p' THEN "
    "EXECUTE 'SELECT count(*) FROM drop_chunks(''fx_rates'',$1)' INTO dropped USING before;RETURN dropped;END IF;"
    "PERFORM pg_advisory_xact_lock(1719168367,2);"
    "FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid=i.inhrelid WHERE i.inhparent='fx_rates'::regclass "
    "AND c.relname~'^fx_rates_[0-9]{4}_[0-9]{2}$' AND (to_date(right(c.relname,7),'YYYY_MM')+interval '1 month') AT TIME ZONE 'UTC'<=before "
    "ORDER BY c.relname LOOP "
    "EXECUTE format('ALTER TABLE fx_rates DETACH PARTITION %I',part);"
    "EXECUTE format('DROP TABLE %I',part);"
    "dropped:=dropped+1;END LOOP;"
    "DELETE FROM fx_rates_default WHERE observed_at<before;"
    "RETURN dropped;END$$";

static const char tables[] =
    "CREATE TABLE fxmon_stream(id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,stream text NOT NULL UNIQUE);"
    "CREATE TABLE fxmon_latest(pair text COLLATE \"C\" NOT NULL,source text COLLATE \"C\" NOT NULL,stream smallint NOT NULL,"
    "kafka_partition integer NOT NULL,kafka_offset bigint NOT NULL,observed_at timestamptz NOT NULL,observed_ns smallint NOT NULL,"
    "ingested_at timestamptz,ingested_ns smallint NOT NULL,kind smallint NOT NULL,samples integer NOT NULL,rate numeric NOT NULL,"
    "bid numeric,ask numeric,volatility double precision,PRIMARY KEY(pair,source,stream,kafka_partition)) WITH (fillfactor=50);"
    "CREATE TABLE fxmon_progress(lane text NOT NULL,stream text NOT NULL,partition integer NOT NULL,next_offset bigint NOT NULL,"
    "epoch bigint NOT NULL,owner text NOT NULL,updated bigint NOT NULL,checkpoint_offset bigint,checkpoint bytea,"
    "PRIMARY KEY(lane,stream,partition)) WITH (fillfactor=50);"
    "ALTER TABLE fxmon_progress ALTER checkpoint SET STORAGE EXTERNAL;"
    "CREATE TABLE fxmon_dead_letters(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,lane text NOT NULL,stream text NOT NULL,"
    "partition integer NOT NULL,\"offset\" bigint NOT NULL,data bytea NOT NULL,reason text NOT NULL,text text NOT NULL,"
    "first_seen bigint NOT NULL,faults bigint NOT NULL DEFAULT 1,resolved bigint NOT NULL DEFAULT 0,UNIQUE(lane,stream,partition,\"offset\"));"
    "CREATE TABLE user_alerts(id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,version integer NOT NULL DEFAULT 1,pair text NOT NULL,"
    "condition text NOT NULL CHECK(condition IN('above','below','cross_up','cross_down','cross')),"
    "threshold numeric NOT NULL CHECK(threshold>0 AND threshold<>'NaN'),active boolean NOT NULL DEFAULT true,"
    "created_at timestamptz NOT NULL DEFAULT now(),clear numeric CHECK(clear IS NULL OR clear>0 AND clear<>'NaN'),"
    "hold_ns bigint NOT NULL DEFAULT 0 CHECK(hold_ns>=0),cooldown_ns bigint NOT NULL DEFAULT 0 CHECK(cooldown_ns>=0),"
    "repeat text NOT NULL DEFAULT 'episode' CHECK(repeat IN('episode','every','once')),"
    "severity text NOT NULL DEFAULT 'warning' CHECK(severity IN('warning','critical')));"
    "CREATE TABLE fxmon_alert_state(alert_id bigint PRIMARY KEY REFERENCES user_alerts ON DELETE CASCADE,version integer NOT NULL,"
    "side integer NOT NULL,phase integer NOT NULL,since bigint NOT NULL,fired bigint NOT NULL,fired_count bigint NOT NULL,"
    "suppressed bigint NOT NULL,worst numeric,last_time bigint NOT NULL) WITH (fillfactor=70);"
    "CREATE TABLE fxmon_counter(name text PRIMARY KEY,value bigint NOT NULL);"
    "INSERT INTO fxmon_counter VALUES('alert_generation',1);"
    "CREATE TABLE fxmon_last(lane text NOT NULL,pair text COLLATE \"C\" NOT NULL,time bigint NOT NULL,mid numeric,bid numeric,ask numeric,"
    "source text NOT NULL,PRIMARY KEY(lane,pair)) WITH (fillfactor=70);"
    "CREATE TABLE fxmon_event(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,event_id text NOT NULL UNIQUE,alert_id bigint NOT NULL,"
    "version integer NOT NULL,kind integer NOT NULL,condition integer NOT NULL,severity integer NOT NULL,pair text NOT NULL,threshold numeric,"
    "rate numeric NOT NULL,time bigint NOT NULL,duration bigint NOT NULL,worst numeric,suppressed bigint NOT NULL,source text NOT NULL,"
    "stream smallint NOT NULL,partition integer NOT NULL,\"offset\" bigint NOT NULL,message text NOT NULL,recorded bigint NOT NULL);"
    "CREATE TABLE fxmon_outbox(destination text PRIMARY KEY,through_id bigint NOT NULL);"
    "CREATE TABLE fxmon_health(component text NOT NULL,instance text NOT NULL,status text NOT NULL,heartbeat bigint NOT NULL,"
    "messages bigint NOT NULL,row_count bigint NOT NULL,dead_letters bigint NOT NULL,last_offset bigint NOT NULL,lag bigint NOT NULL,"
    "detail text NOT NULL,producer boolean NOT NULL,group_name text NOT NULL,member text NOT NULL,partitions text NOT NULL,"
    "version text NOT NULL,started bigint NOT NULL,\"interval\" bigint NOT NULL,messages_last_minute bigint NOT NULL,lag_ns bigint NOT NULL,"
    "PRIMARY KEY(component,instance)) WITH (fillfactor=70);"
    "CREATE TABLE fxmon_rebalance(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,time bigint NOT NULL,component text NOT NULL,"
    "instance text NOT NULL,group_name text NOT NULL,member text NOT NULL,kind text NOT NULL,partitions text NOT NULL,"
    "assigned text NOT NULL,generation bigint NOT NULL,duration bigint NOT NULL,reason text NOT NULL);"
    "CREATE INDEX fxmon_rebalance_time ON fxmon_rebalance(time)";

/* user_alerts may be edited by hand: versions and the generation are counted here. */
static const char triggers[] =
    "CREATE FUNCTION fxmon_alert_edited() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
    "IF NEW.version=OLD.version THEN NEW.version:=OLD.version+1;END IF;RETURN NEW;END$$;"
    "CREATE TRIGGER fxmon_alert_edited BEFORE UPDATE OF pair,condition,threshold,active,clear,hold_ns,cooldown_ns,repeat,severity ON user_alerts "
    "FOR EACH ROW EXECUTE FUNCTION fxmon_alert_edited();"
    "CREATE FUNCTION fxmon_alert_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$BEGIN "
    "IF TG_OP<>'TRUNCATE' THEN IF NOT EXISTS(SELECT FROM changed) THEN RETURN NULL;END IF;END IF;"
    "UPDATE fxmon_counter SET value=value+1 WHERE name='alert_generation';RETURN NULL;END$$;"
    "CREATE TRIGGER fxmon_alert_added AFTER INSERT ON user_alerts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fxmon_alert_changed();"
    "CREATE TRIGGER fxmon_alert_updated AFTER UPDATE ON user_alerts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fxmon_alert_changed();"
    "CREATE TRIGGER fxmon_alert_removed AFTER DELETE ON user_alerts REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fxmon_alert_changed();"
    "CREATE TRIGGER fxmon_alert_emptied AFTER TRUNCATE ON user_alerts FOR EACH STATEMENT EXECUTE FUNCTION fxmon_alert_changed()";

static const char views[] =
    "CREATE VIEW fx_history AS " RATE_VIEW("fx_rates", ",r.processing_timestamp AS created_at,r.processed_by_consumer") ";"
    "CREATE VIEW fx_latest AS SELECT DISTINCT ON(pair,source) * FROM(" RATE_VIEW("fxmon_latest", "") ") r ORDER BY pair,source,time_ns DESC,\"offset\" DESC;"
    "CREATE VIEW alert_history AS SELECT e.id,e.alert_id,e.pair,e.rate,e.message," INSTANT("e.time") " AS triggered_at,"
    "CASE e.kind WHEN 1 THEN 'fired' WHEN 2 THEN 'repeated' ELSE 'resolved' END AS kind,e.event_id,"
    "CASE e.condition WHEN 1 THEN 'above' WHEN 2 THEN 'below' WHEN 3 THEN 'cross_up' WHEN 4 THEN 'cross_down' ELSE 'cross' END AS condition,"
    "e.threshold,CASE e.severity WHEN 1 THEN 'critical' ELSE 'warning' END AS severity,e.duration AS duration_ns,"
    "e.worst,e.suppressed,e.source,l.stream,e.partition,e.\"offset\"," INSTANT("e.recorded") " AS recorded_at,e.version AS alert_version "
    "FROM fxmon_event e LEFT JOIN fxmon_stream l ON l.id=e.stream;"
    "CREATE VIEW consumer_health AS SELECT " HEALTH_ID " AS id," HEALTH_ID " AS consumer_id,status," INSTANT("heartbeat") " AS last_heartbeat,"
    "coalesce(" PARTITIONS("partitions") ",'{}') AS assigned_partitions,messages_last_minute AS messages_processed_last_minute,component,instance,"
    "group_name,member,version," INSTANT("started") " AS started_at,messages AS messages_processed,row_count AS rows_written,dead_letters,"
    "last_offset,lag,lag_ns/1e9::float8 AS lag_seconds,\"interval\"/1e9::float8 AS interval_seconds,detail FROM fxmon_health WHERE NOT producer;"
    "CREATE VIEW producer_health AS SELECT " HEALTH_ID " AS id," HEALTH_ID " AS producer_id,component AS type,status," INSTANT("heartbeat")
    " AS last_heartbeat,messages_last_minute AS messages_sent_last_minute,instance,group_name AS log,version," INSTANT("started") " AS started_at,"
    "messages AS messages_sent,\"interval\"/1e9::float8 AS interval_seconds,detail FROM fxmon_health WHERE producer;"
    /* a row a partition; an event without partitions is one row without */
    "CREATE VIEW rebalancing_events AS SELECT r.id," HEALTH_ID " AS consumer_id,r.kind AS event_type,n.number AS partition_number,"
    INSTANT("r.time") " AS timestamp,r.component,r.instance,r.group_name,r.member,coalesce(" PARTITIONS("r.assigned") ",'{}') AS assigned_partitions,"
    "nullif(r.generation,-1) AS generation,CASE WHEN r.duration<0 THEN NULL ELSE r.duration/1e9::float8 END AS duration_seconds,r.reason "
    "FROM fxmon_rebalance r LEFT JOIN LATERAL unnest(" PARTITIONS("r.partitions") ") AS n(number) ON true";

static const char sources[] =
    "CREATE TABLE fxmon_source_health(source text NOT NULL,component text NOT NULL,instance text NOT NULL,log text NOT NULL,status text NOT NULL,"
    "error text NOT NULL,heartbeat bigint NOT NULL,answered bigint NOT NULL,failed bigint NOT NULL,failures bigint NOT NULL,publications bigint NOT NULL,"
    "published bigint NOT NULL,announced bigint NOT NULL,expected bigint NOT NULL,missed bigint NOT NULL,cadence bigint NOT NULL,delay bigint NOT NULL,"
    "weekdays boolean NOT NULL,quota bigint NOT NULL,quota_used bigint NOT NULL,PRIMARY KEY(source,log,instance,component)) WITH (fillfactor=70);"
    "CREATE VIEW source_health AS SELECT source,status," INSTANT("nullif(published,0)") " AS last_published_at," INSTANT("nullif(expected,0)")
    " AS next_expected_at,nullif(missed,-1) AS publications_missed,nullif(cadence,0)/1e9::float8 AS cadence_seconds," INSTANT("nullif(answered,0)")
    " AS last_answer_at,failures AS failures_in_a_row," INSTANT("nullif(failed,0)") " AS last_error_at,nullif(error,'') AS last_error,publications,"
    "nullif(quota,0) AS quota,quota_used,CASE WHEN quota>0 THEN greatest(quota-quota_used,0) END AS quota_left,log," HEALTH_ID " AS producer_id,"
    INSTANT("heartbeat") " AS last_heartbeat FROM fxmon_source_health";

static const char *const first_step[] = {tables, months, triggers, views, NULL};
static const char *const second_step[] = {sources, NULL};
static const char *const *const migrations[] = {first_step, second_step};
#define NEWEST_VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

typedef struct layout {
    int64_t version; /* 0: no tables of ours */
    char rates[2];   /* kind of fx_rates, "" none */
    bool timescale;
} layout;

static const char what[] = "looking at the tables of";

static fxmon_result read_layout(fxi_postgresql *p, layout *found, fxmon_error *error)
{
    PGresult *answer;
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_LAYOUT, NULL, FXI_POSTGRESQL_CALL, what, &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    found->version = 0;
    fxi_postgresql_text_into(answer, 0, 0, found->rates, sizeof(found->rates));
    bool ours = fxi_postgresql_integer(answer, 0, 1) != 0, schema = fxi_postgresql_integer(answer, 0, 3) != 0;
    found->timescale = fxi_postgresql_integer(answer, 0, 2) != 0;
    PQclear(answer);
    if (!schema) {
        fxi_fail(error, FXMON_E_CONFIG, NULL, "%s: none of the schemas of search_path exists: make one, or say another in the URL", p->name);
        return FXMON_FATAL;
    }
    if (ours) {
        result = fxi_postgresql_ask(p, FXI_PG_SCHEMA_VERSION, NULL, FXI_POSTGRESQL_CALL, what, &answer, error);
        if (result == FXMON_DONE) {
            found->version = fxi_postgresql_integer(answer, 0, 0);
            PQclear(answer);
        }
    }
    return result;
}

static fxmon_result check_layout(fxi_postgresql *p, const layout *found, fxmon_error *error)
{
    const char *problem = NULL;
    if (found->version > NEWEST_VERSION) {
        fxi_fail(error, FXMON_E_CONFIG, "postgresql", "%s has schema %lld, this program knows schemas up to %d: use a newer fxmon", p->name,
                 (long long)found->version, NEWEST_VERSION);
        return FXMON_FATAL;
    }
    if (found->version == 0 && found->rates[0] != '\0') {
        problem = "there is a fx_rates of another program: use an empty database, or another schema by ?options=-csearch_path%3DNAME";
    } else if (p->timescale && !found->timescale) {
        problem = "TimescaleDB is not installed in this database: CREATE EXTENSION timescaledb, or leave out --timescale";
    } else if (p->timescale && found->version > 0 && found->rates[0] == 'p') {
        problem = "fx_rates is kept by months already: --timescale is for a new database";
    }
    if (problem != NULL) {
        fxi_fail(error, FXMON_E_CONFIG, p->timescale ? "timescale" : "postgresql", "%s: %s", p->name, problem);
        return FXMON_FATAL;
    }
    return FXMON_DONE;
}

static fxmon_result execute(fxi_postgresql *p, const char *sql, fxmon_error *error)
{
    return fxi_postgresql_command(p, sql, FXI_POSTGRESQL_LONG, "making the tables of", error);
}

static fxmon_result apply_step(fxi_postgresql *p, int64_t step, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    fxmon_result result = FXMON_DONE;
    if (step == 0) {
        result = execute(p, "CREATE TABLE fxmon_schema(version integer PRIMARY KEY,applied_at timestamptz NOT NULL DEFAULT now(),applied_by text NOT NULL)", error);
        if (result == FXMON_DONE) {
            result = execute(p, p->timescale ? rates_as_hypertable : rates_by_month, error);
        }
    }
    for (const char *const *sql = migrations[step]; result == FXMON_DONE && *sql != NULL; sql++) {
        result = execute(p, *sql, error);
    }
    fxi_postgresql_add_integer(&q, step + 1);
    fxi_postgresql_add_text(&q, fxmon_version());
    return result == FXMON_DONE ? fxi_postgresql_ask(p, FXI_PG_SCHEMA_NOTE, &q, FXI_POSTGRESQL_CALL, "making the tables of", NULL, error) : result;
}

/* Of several programs that start at once one does it, and the others find it done. */
static fxmon_result migrate(fxi_postgresql *p, fxmon_error *error)
{
    layout found;
    fxmon_result result = execute(p, LOCK_SCHEMA, error);
    if (result == FXMON_DONE) {
        result = read_layout(p, &found, error);
    }
    if (result == FXMON_DONE) {
        result = check_layout(p, &found, error);
    }
    for (int64_t i = result == FXMON_DONE ? found.version : NEWEST_VERSION; result == FXMON_DONE && i < NEWEST_VERSION; i++) {
        result = apply_step(p, i, error);
    }
    return result == FXMON_DONE ? execute(p, "COMMIT", error) : result;
}

fxmon_result fxi_postgresql_schema(fxi_postgresql *p, fxmon_error *error)
{
    layout found;
    fxmon_error ignored;
    fxmon_result result = read_layout(p, &found, error);
    if (result == FXMON_DONE) {
        result = check_layout(p, &found, error);
    }
    if (result != FXMON_DONE || found.version == NEWEST_VERSION) {
        return result;
    }
    if (p->read_only) {
        fxi_fail(error, found.version == 0 ? FXMON_E_NOT_FOUND : FXMON_E_CONFIG, "postgresql",
                 found.version == 0 ? "%s has no tables yet: a program that writes makes them" : "%s has an older schema: a program that writes brings it up to date",
                 p->name);
        return FXMON_RETRY;
    }
    result = execute(p, "BEGIN", error);
    if (result != FXMON_DONE) {
        return result;
    }
    result = migrate(p, error);
    if (result != FXMON_DONE && p->connection != NULL) {
        fxi_postgresql_command(p, "ROLLBACK", FXI_POSTGRESQL_CALL, "making the tables of", &ignored);
    }
    return result == FXMON_REFUSED ? FXMON_FATAL : result;
}
