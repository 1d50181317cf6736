/*
 * store/sqlite_schema.c - the tables, the views that people read, and every statement.
 *
 * Rates are kept small and in the order in which they are asked for: fxmon_rate is one b-tree without a row number, keyed by (pair, time,
 * stream, partition, offset), words replaced by numbers of dictionaries, digits as mantissa and scale. So the history of a pair is one
 * stretch of the tree, read from its end, and there is no second index to write. A record of the log names a pair once and has one time: applying
 * it twice meets the same key, and plain INSERT makes that a loud error. `computed` holds the rate where mantissa and scale do not: crosses, and
 * mantissas that a double does not hold, so that the view's REAL is always the nearest one.
 *
 * Over it lie views shaped for people and dashboards: fx_rates, fx_latest, alert_history, consumer_health, producer_health. user_alerts is
 * a table, made to be edited by hand: triggers count versions and generations.
 *
 * The schema has a version (user_version) and moves forward by the steps of `migrations`, each in one transaction. A step that was released
 * is never edited; a change is a new step.
 */
#include "base/error.h"
#include "store/sqlite.h"

#define APPLICATION_ID 0x66786d6f /* "fxmo" */
#define APPLICATION_ID_TEXT "1719168367"

#define NANOSECONDS(t) "((" t "%1000000000+1000000000)%1000000000)"
#define TIME_TEXT(t)                                                                                                             \
    "strftime('%Y-%m-%dT%H:%M:%S'," t "/1000000000-(" t "%1000000000<0),'unixepoch')||CASE WHEN " NANOSECONDS(t) "=0 THEN '' "   \
    "WHEN " NANOSECONDS(t) "%1000000=0 THEN printf('.%03d'," NANOSECONDS(t) "/1000000) "                                         \
    "WHEN " NANOSECONDS(t) "%1000=0 THEN printf('.%06d'," NANOSECONDS(t) "/1000) "                                               \
    "ELSE printf('.%09d'," NANOSECONDS(t) ") END||'Z'"
#define DECIMAL_REAL(m, s) "CAST(" m " AS REAL)/CAST('1e'||" s " AS REAL)"
#define DECIMAL_TEXT(m, s)                                                                                                       \
    "CASE WHEN " m " IS NULL THEN NULL WHEN " s "=0 THEN CAST(" m " AS TEXT) ELSE "                                              \
    "substr(printf('%0*d'," s "+1," m "),1,length(printf('%0*d'," s "+1," m "))-" s ")||'.'||substr(printf('%0*d'," s "+1," m "),-" s ") END"
#define RATE_VIEW(table)                                                                                                         \
    "SELECT r.\"offset\" AS \"offset\"," TIME_TEXT("r.time") " AS timestamp,p.pair AS pair,"                                     \
    "coalesce(r.computed," DECIMAL_REAL("r.mantissa", "r.scale") ") AS rate," DECIMAL_TEXT("r.mantissa", "r.scale") " AS rate_text," \
    "r.volatility AS volatility,o.source AS source," DECIMAL_REAL("r.bid_mantissa", "r.bid_scale") " AS bid,"                     \
    DECIMAL_REAL("r.ask_mantissa", "r.ask_scale") " AS ask,"                                                                     \
    "CASE WHEN r.ingested IS NULL THEN NULL ELSE " TIME_TEXT("r.ingested") " END AS ingested_at,"                                \
    "CASE r.kind WHEN 0 THEN 'quote' WHEN 1 THEN 'late' ELSE 'cross' END AS kind,r.samples AS samples,"                          \
    "l.stream AS stream,r.partition AS partition,r.time AS time_ns "                                                             \
    /* from the pair to its stretch of the tree: WHERE pair=... reads nothing else, ORDER BY time_ns follows the key */             \
    "FROM fxmon_pair p CROSS JOIN " table " r ON r.pair=p.id CROSS JOIN fxmon_source o ON o.id=r.source "                        \
    "CROSS JOIN fxmon_stream l ON l.id=r.stream"

#define RATE_COLUMNS                                                                                                             \
    "partition INTEGER NOT NULL,\"offset\" INTEGER NOT NULL,kind INTEGER NOT NULL,mantissa INTEGER,scale INTEGER,computed REAL," \
    "bid_mantissa INTEGER,bid_scale INTEGER,ask_mantissa INTEGER,ask_scale INTEGER,volatility REAL,samples INTEGER,"             \
    "source INTEGER NOT NULL,ingested INTEGER,"

#define HEALTH_ID "component||' '||instance"
#define PARTITION_LIST(names) "rtrim(replace(" names ",'...',''),',')" /* a list that was cut ends in "..." */
#define HEALTH_KEPT "604800000000000"      /* 7 days without a heartbeat: nobody waits for that process any more */
#define REBALANCES_KEPT "2592000000000000" /* 30 days */
#define HEALTH_FORGET "DELETE FROM fxmon_health WHERE heartbeat<NEW.heartbeat-" HEALTH_KEPT ";"
/* a producer that was started again has another instance; a source that nobody asks any more is late for as long as it is remembered */
#define SOURCES_FORGET                                                                                                           \
    "DELETE FROM fxmon_source_health WHERE heartbeat<NEW.heartbeat-" REBALANCES_KEPT " OR (source=NEW.source AND log=NEW.log AND "  \
    "instance<>NEW.instance AND heartbeat<NEW.heartbeat-15000000000);"
#define TIME_OR_NULL(t) "CASE WHEN " t "<>0 THEN " TIME_TEXT(t) " END"

static const char *const migrations[] = {
    /* 1: rates, progress, dead letters */
    "CREATE TABLE fxmon_pair(id INTEGER PRIMARY KEY,pair TEXT NOT NULL UNIQUE);"
    "CREATE TABLE fxmon_source(id INTEGER PRIMARY KEY,source TEXT NOT NULL UNIQUE);"
    "CREATE TABLE fxmon_stream(id INTEGER PRIMARY KEY,stream TEXT NOT NULL UNIQUE);"
    "CREATE TABLE fxmon_rate(pair INTEGER NOT NULL,time INTEGER NOT NULL,stream INTEGER NOT NULL," RATE_COLUMNS
    "PRIMARY KEY(pair,time,stream,partition,\"offset\")) WITHOUT ROWID;"
    "CREATE TABLE fxmon_latest(pair INTEGER NOT NULL,time INTEGER NOT NULL,stream INTEGER NOT NULL," RATE_COLUMNS
    "PRIMARY KEY(pair,source)) WITHOUT ROWID;"
    "CREATE VIEW fx_rates AS " RATE_VIEW("fxmon_rate") ";"
    "CREATE VIEW fx_latest AS " RATE_VIEW("fxmon_latest") ";"
    "CREATE TABLE fxmon_progress(lane TEXT NOT NULL,stream TEXT NOT NULL,partition INTEGER NOT NULL,next_offset INTEGER NOT NULL,"
    "epoch INTEGER NOT NULL,updated INTEGER NOT NULL,PRIMARY KEY(lane,stream,partition)) WITHOUT ROWID;"
    /* apart from the progress row, which every commit rewrites */
    "CREATE TABLE fxmon_checkpoint(lane TEXT NOT NULL,stream TEXT NOT NULL,partition INTEGER NOT NULL,\"offset\" INTEGER NOT NULL,"
    "state BLOB NOT NULL,PRIMARY KEY(lane,stream,partition));"
    "CREATE TABLE fxmon_dead_letters(id INTEGER PRIMARY KEY AUTOINCREMENT,lane TEXT NOT NULL,stream TEXT NOT NULL,"
    "partition INTEGER NOT NULL,\"offset\" INTEGER NOT NULL,data BLOB NOT NULL,reason TEXT NOT NULL,text TEXT NOT NULL,"
    "first_seen INTEGER NOT NULL,faults INTEGER NOT NULL DEFAULT 1,UNIQUE(lane,stream,partition,\"offset\"));"
    /* alerts */
    "CREATE TABLE user_alerts(id INTEGER PRIMARY KEY AUTOINCREMENT,version INTEGER NOT NULL DEFAULT 1,pair TEXT NOT NULL,"
    "condition TEXT NOT NULL CHECK(condition IN('above','below','cross_up','cross_down','cross')),"
    "threshold TEXT NOT NULL CHECK(CAST(threshold AS REAL)>0),active INTEGER NOT NULL DEFAULT 1 CHECK(active IN(0,1)),"
    "created_at TEXT NOT NULL DEFAULT(strftime('%Y-%m-%dT%H:%M:%fZ','now')),clear TEXT CHECK(clear IS NULL OR CAST(clear AS REAL)>0),"
    "hold_ns INTEGER NOT NULL DEFAULT 0 CHECK(hold_ns>=0),cooldown_ns INTEGER NOT NULL DEFAULT 0 CHECK(cooldown_ns>=0),"
    "repeat TEXT NOT NULL DEFAULT 'episode' CHECK(repeat IN('episode','every','once')),"
    "severity TEXT NOT NULL DEFAULT 'warning' CHECK(severity IN('warning','critical')));"
    "CREATE TABLE fxmon_alert_state(alert_id INTEGER PRIMARY KEY,version INTEGER NOT NULL,side INTEGER NOT NULL,phase INTEGER NOT NULL,"
    "since INTEGER NOT NULL,fired INTEGER NOT NULL,fired_count INTEGER NOT NULL,suppressed INTEGER NOT NULL,worst_mantissa INTEGER,"
    "worst_scale INTEGER,last_time INTEGER NOT NULL);"
    "CREATE TABLE fxmon_counter(name TEXT PRIMARY KEY,value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO fxmon_counter VALUES('alert_generation',1);"
    "CREATE TRIGGER fxmon_alert_added AFTER INSERT ON user_alerts BEGIN "
    "UPDATE fxmon_counter SET value=value+1 WHERE name='alert_generation';END;"
    "CREATE TRIGGER fxmon_alert_removed AFTER DELETE ON user_alerts BEGIN DELETE FROM fxmon_alert_state WHERE alert_id=OLD.id;"
    "UPDATE fxmon_counter SET value=value+1 WHERE name='alert_generation';END;"
    "CREATE TRIGGER fxmon_alert_edited AFTER UPDATE OF pair,condition,threshold,active,clear,hold_ns,cooldown_ns,repeat,severity ON user_alerts "
    "BEGIN UPDATE user_alerts SET version=OLD.version+1 WHERE id=NEW.id AND version=OLD.version;"
    "UPDATE fxmon_counter SET value=value+1 WHERE name='alert_generation';END;"
    "CREATE TABLE fxmon_last(lane TEXT NOT NULL,pair TEXT NOT NULL,time INTEGER NOT NULL,mantissa INTEGER,scale INTEGER,"
    "bid_mantissa INTEGER,bid_scale INTEGER,ask_mantissa INTEGER,ask_scale INTEGER,source TEXT NOT NULL,PRIMARY KEY(lane,pair)) WITHOUT ROWID;"
    "CREATE TABLE fxmon_event(id INTEGER PRIMARY KEY AUTOINCREMENT,event_id TEXT NOT NULL UNIQUE,alert_id INTEGER NOT NULL,"
    "version INTEGER NOT NULL,kind INTEGER NOT NULL,condition INTEGER NOT NULL,severity INTEGER NOT NULL,pair TEXT NOT NULL,threshold TEXT,"
    "rate REAL NOT NULL,rate_text TEXT NOT NULL,time INTEGER NOT NULL,duration INTEGER NOT NULL,worst TEXT,suppressed INTEGER NOT NULL,"
    "source TEXT NOT NULL,stream INTEGER NOT NULL,partition INTEGER NOT NULL,\"offset\" INTEGER NOT NULL,message TEXT NOT NULL,"
    "recorded INTEGER NOT NULL);"
    "CREATE TRIGGER fxmon_alert_ended AFTER INSERT ON fxmon_event WHEN NEW.kind=1 BEGIN "
    "UPDATE user_alerts SET active=0 WHERE id=NEW.alert_id AND version=NEW.version AND repeat='once' AND active=1;END;"
    "CREATE VIEW alert_history AS SELECT e.id AS id,e.alert_id AS alert_id,e.pair AS pair,e.rate AS rate,e.rate_text AS rate_text,"
    "e.message AS message," TIME_TEXT("e.time") " AS triggered_at,"
    "CASE e.kind WHEN 1 THEN 'fired' WHEN 2 THEN 'repeated' ELSE 'resolved' END AS kind,e.event_id AS event_id,"
    "CASE e.condition WHEN 1 THEN 'above' WHEN 2 THEN 'below' WHEN 3 THEN 'cross_up' WHEN 4 THEN 'cross_down' ELSE 'cross' END AS condition,"
    "e.threshold AS threshold,CASE e.severity WHEN 1 THEN 'critical' ELSE 'warning' END AS severity,e.duration AS duration_ns,"
    "e.worst AS worst,e.suppressed AS suppressed,e.source AS source,l.stream AS stream,e.partition AS partition,"
    "e.\"offset\" AS \"offset\"," TIME_TEXT("e.recorded") " AS recorded_at FROM fxmon_event e CROSS JOIN fxmon_stream l ON l.id=e.stream;"
    "CREATE TABLE fxmon_outbox(destination TEXT PRIMARY KEY,through_id INTEGER NOT NULL) WITHOUT ROWID;"
    /* health */
    "CREATE TABLE fxmon_health(component TEXT NOT NULL,instance TEXT NOT NULL,status TEXT NOT NULL,heartbeat INTEGER NOT NULL,"
    "messages INTEGER NOT NULL,row_count INTEGER NOT NULL,dead_letters INTEGER NOT NULL,last_offset INTEGER NOT NULL,lag INTEGER NOT NULL,"
    "detail TEXT NOT NULL,PRIMARY KEY(component,instance)) WITHOUT ROWID;"
    "CREATE VIEW consumer_health AS SELECT component||' '||instance AS id,component,instance,status," TIME_TEXT("heartbeat")
    " AS last_heartbeat,messages AS messages_processed,row_count AS rows_written,dead_letters,last_offset,lag,detail FROM fxmon_health "
    "WHERE component NOT LIKE 'produce%';"
    "CREATE VIEW producer_health AS SELECT component||' '||instance AS id,component AS type,instance,status," TIME_TEXT("heartbeat")
    " AS last_heartbeat,messages AS messages_sent,detail FROM fxmon_health WHERE component LIKE 'produce%';",

    /* 2: members of groups, messages a minute, rebalances; who holds a place; dead letters that were dealt with */
    "ALTER TABLE fxmon_health ADD COLUMN producer INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE fxmon_health ADD COLUMN group_name TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fxmon_health ADD COLUMN member TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fxmon_health ADD COLUMN partitions TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fxmon_health ADD COLUMN version TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fxmon_health ADD COLUMN started INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE fxmon_health ADD COLUMN interval INTEGER NOT NULL DEFAULT 5000000000;"
    "ALTER TABLE fxmon_health ADD COLUMN messages_last_minute INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE fxmon_health ADD COLUMN lag_ns INTEGER NOT NULL DEFAULT 0;"
    "UPDATE fxmon_health SET producer=1 WHERE component LIKE 'produce%';"
    "DROP VIEW consumer_health;"
    "DROP VIEW producer_health;"
    "CREATE VIEW consumer_health AS SELECT " HEALTH_ID " AS id," HEALTH_ID " AS consumer_id,status," TIME_TEXT("heartbeat") " AS last_heartbeat,"
    "'['||" PARTITION_LIST("partitions") "||']' AS assigned_partitions,messages_last_minute AS messages_processed_last_minute,component,instance,"
    "group_name,member,version," TIME_TEXT("started") " AS started_at,messages AS messages_processed,row_count AS rows_written,dead_letters,"
    "last_offset,lag,lag_ns/1e9 AS lag_seconds,interval/1e9 AS interval_seconds,detail FROM fxmon_health WHERE producer=0;"
    "CREATE VIEW producer_health AS SELECT " HEALTH_ID " AS id," HEALTH_ID " AS producer_id,component AS type,status," TIME_TEXT("heartbeat")
    " AS last_heartbeat,messages_last_minute AS messages_sent_last_minute,instance,group_name AS log,version," TIME_TEXT("started") " AS started_at,"
    "messages AS messages_sent,interval/1e9 AS interval_seconds,detail FROM fxmon_health WHERE producer=1;"
    "CREATE TRIGGER fxmon_health_added AFTER INSERT ON fxmon_health BEGIN " HEALTH_FORGET "END;"
    "CREATE TRIGGER fxmon_health_changed AFTER UPDATE OF heartbeat ON fxmon_health BEGIN " HEALTH_FORGET "END;"
    "CREATE TABLE fxmon_rebalance(id INTEGER PRIMARY KEY AUTOINCREMENT,time INTEGER NOT NULL,component TEXT NOT NULL,instance TEXT NOT NULL,"
    "group_name TEXT NOT NULL,member TEXT NOT NULL,kind TEXT NOT NULL,partitions TEXT NOT NULL,assigned TEXT NOT NULL,generation INTEGER NOT NULL,"
    "duration INTEGER NOT NULL,reason TEXT NOT NULL);"
    "CREATE INDEX fxmon_rebalance_time ON fxmon_rebalance(time);"
    "CREATE TRIGGER fxmon_rebalance_added AFTER INSERT ON fxmon_rebalance BEGIN "
    "DELETE FROM fxmon_rebalance WHERE time<NEW.time-" REBALANCES_KEPT ";END;"
    /* a row a partition; an event without partitions is one row without */
    "CREATE VIEW rebalancing_events AS SELECT r.id AS id," HEALTH_ID " AS consumer_id,r.kind AS event_type,p.value AS partition_number,"
    TIME_TEXT("r.time") " AS timestamp,r.component AS component,r.instance AS instance,r.group_name AS group_name,r.member AS member,"
    "'['||" PARTITION_LIST("r.assigned") "||']' AS assigned_partitions,nullif(r.generation,-1) AS generation,"
    "CASE WHEN r.duration<0 THEN NULL ELSE r.duration/1e9 END AS duration_seconds,r.reason AS reason "
    "FROM fxmon_rebalance r LEFT JOIN json_each('['||" PARTITION_LIST("r.partitions") "||']') p;"
    "ALTER TABLE fxmon_progress ADD COLUMN owner TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fxmon_dead_letters ADD COLUMN resolved INTEGER NOT NULL DEFAULT 0;",

    /* 3: how sources are doing */
    "CREATE TABLE fxmon_source_health(source TEXT NOT NULL,component TEXT NOT NULL,instance TEXT NOT NULL,log TEXT NOT NULL,status TEXT NOT NULL,"
    "error TEXT NOT NULL,heartbeat INTEGER NOT NULL,answered INTEGER NOT NULL,failed INTEGER NOT NULL,failures INTEGER NOT NULL,"
    "publications INTEGER NOT NULL,published INTEGER NOT NULL,announced INTEGER NOT NULL,expected INTEGER NOT NULL,missed INTEGER NOT NULL,"
    "cadence INTEGER NOT NULL,delay INTEGER NOT NULL,weekdays INTEGER NOT NULL,quota INTEGER NOT NULL,quota_used INTEGER NOT NULL,"
    "PRIMARY KEY(source,log,instance,component))WITHOUT ROWID;"
    "CREATE TRIGGER fxmon_source_health_added AFTER INSERT ON fxmon_source_health BEGIN " SOURCES_FORGET "END;"
    "CREATE TRIGGER fxmon_source_health_changed AFTER UPDATE OF heartbeat ON fxmon_source_health BEGIN " SOURCES_FORGET "END;"
    "CREATE VIEW source_health AS SELECT source,status," TIME_OR_NULL("published") " AS last_published_at," TIME_OR_NULL("expected")
    " AS next_expected_at,nullif(missed,-1) AS publications_missed,CASE WHEN cadence>0 THEN cadence/1e9 END AS cadence_seconds,"
    TIME_OR_NULL("answered") " AS last_answer_at,failures AS failures_in_a_row," TIME_OR_NULL("failed") " AS last_error_at,"
    "nullif(error,'') AS last_error,publications,nullif(quota,0) AS quota,quota_used,CASE WHEN quota>0 THEN max(quota-quota_used,0) END AS quota_left,log,"
    HEALTH_ID " AS producer_id," TIME_TEXT("heartbeat") " AS last_heartbeat FROM fxmon_source_health;",
};
#define NEWEST_VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

#define RATE_NAMES                                                                                                               \
    "pair,time,stream,partition,\"offset\",kind,mantissa,scale,computed,bid_mantissa,bid_scale,ask_mantissa,ask_scale,volatility,samples,source,ingested"
#define RATE_VALUES "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)"
/* in the order of read_rate in sqlite_query.c */
#define STORED_RATE(table)                                                                                                       \
    "SELECT p.pair,r.time,r.ingested,r.mantissa,r.scale,r.bid_mantissa,r.bid_scale,r.ask_mantissa,r.ask_scale,r.computed,r.volatility," \
    "o.source,r.partition,r.\"offset\" FROM " table " r CROSS JOIN fxmon_pair p ON p.id=r.pair CROSS JOIN fxmon_source o ON o.id=r.source "
#define HISTORY(filter, order)                                                                                                   \
    STORED_RATE("fxmon_rate")                                                                                                    \
    "WHERE r.pair=(SELECT id FROM fxmon_pair WHERE pair=?1) AND r.time>=?2 AND r.time<?3 " filter "ORDER BY r.time " order           \
    ",r.stream " order ",r.partition " order ",r.\"offset\" " order " LIMIT ?4 OFFSET ?5"
#define OF_SOURCE "AND r.source=(SELECT id FROM fxmon_source WHERE source=?6) "
/* in the order of read_event in sqlite_alerts.c */
#define EVENT_NAMES                                                                                                              \
    "id,recorded,message,event_id,alert_id,version,kind,condition,severity,pair,threshold,rate_text,time,duration,worst,suppressed,source,partition,\"offset\""

/* in the order of sqlite_health.c */
#define HEALTH_NAMES                                                                                                             \
    "component,instance,status,heartbeat,messages,row_count,dead_letters,last_offset,lag,detail,producer,group_name,member,partitions,version," \
    "started,interval,messages_last_minute,lag_ns"
/* in the order of sqlite_health.c */
#define SOURCE_NAMES                                                                                                             \
    "source,component,instance,log,status,error,heartbeat,answered,failed,failures,publications,published,announced,expected,missed,cadence,delay," \
    "weekdays,quota,quota_used"
#define REBALANCE_NAMES "time,component,instance,group_name,member,kind,partitions,assigned,generation,duration,reason"

const char *const fxi_sqlite_text[FXI_SQL_STATEMENTS] = {
    [FXI_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [FXI_SQL_COMMIT] = "COMMIT",
    [FXI_SQL_ROLLBACK] = "ROLLBACK",
    [FXI_SQL_PAIR_ID] = "SELECT id FROM fxmon_pair WHERE pair=?1",
    [FXI_SQL_PAIR_ADD] = "INSERT INTO fxmon_pair(pair)VALUES(?1)",
    [FXI_SQL_SOURCE_ID] = "SELECT id FROM fxmon_source WHERE source=?1",
    [FXI_SQL_SOURCE_ADD] = "INSERT INTO fxmon_source(source)VALUES(?1)",
    [FXI_SQL_STREAM_ID] = "SELECT id FROM fxmon_stream WHERE stream=?1",
    [FXI_SQL_STREAM_ADD] = "INSERT INTO fxmon_stream(stream)VALUES(?1)",
    [FXI_SQL_CLAIM] = "INSERT INTO fxmon_progress(lane,stream,partition,next_offset,epoch,updated,owner)VALUES(?1,?2,?3,-1,1,?4,?5) "
                      "ON CONFLICT(lane,stream,partition) DO UPDATE SET epoch=epoch+1,updated=excluded.updated,owner=excluded.owner",
    [FXI_SQL_CHECKPOINT_GET] = "SELECT \"offset\",state FROM fxmon_checkpoint WHERE lane=?1 AND stream=?2 AND partition=?3",
    [FXI_SQL_CHECKPOINT_PUT] = "INSERT INTO fxmon_checkpoint(lane,stream,partition,\"offset\",state)VALUES(?1,?2,?3,?4,?5) "
                               "ON CONFLICT(lane,stream,partition) DO UPDATE SET \"offset\"=excluded.\"offset\",state=excluded.state",
    /* -1 is a claim that has never been advanced: the lane may have chosen where to start; the epoch alone fences there */
    [FXI_SQL_ADVANCE] = "UPDATE fxmon_progress SET next_offset=?4,updated=?5 WHERE lane=?1 AND stream=?2 AND partition=?3 AND epoch=?6 "
                        "AND(next_offset=?7 OR next_offset=-1)",
    [FXI_SQL_PROGRESS_GET] = "SELECT next_offset,epoch FROM fxmon_progress WHERE lane=?1 AND stream=?2 AND partition=?3",
    [FXI_SQL_RATE_ADD] = "INSERT INTO fxmon_rate(" RATE_NAMES ")" RATE_VALUES,
    [FXI_SQL_LATEST_PUT] = "INSERT INTO fxmon_latest(" RATE_NAMES ")" RATE_VALUES
                           " ON CONFLICT(pair,source) DO UPDATE SET time=excluded.time,stream=excluded.stream,partition=excluded.partition,"
                           "\"offset\"=excluded.\"offset\",kind=excluded.kind,mantissa=excluded.mantissa,scale=excluded.scale,"
                           "computed=excluded.computed,bid_mantissa=excluded.bid_mantissa,bid_scale=excluded.bid_scale,"
                           "ask_mantissa=excluded.ask_mantissa,ask_scale=excluded.ask_scale,volatility=excluded.volatility,"
                           "samples=excluded.samples,ingested=excluded.ingested WHERE excluded.time>=fxmon_latest.time",
    [FXI_SQL_DEAD_ADD] = "INSERT INTO fxmon_dead_letters(lane,stream,partition,\"offset\",data,reason,text,first_seen)VALUES(?1,?2,?3,?4,?5,?6,?7,?8) "
                         "ON CONFLICT(lane,stream,partition,\"offset\") DO UPDATE SET faults=faults+1",
    [FXI_SQL_DEAD_EACH] = "SELECT id,lane,stream,partition,\"offset\",data,reason,text,first_seen,resolved FROM fxmon_dead_letters ORDER BY id DESC LIMIT ?1 OFFSET ?2",
    [FXI_SQL_EVENT_ADD] = "INSERT INTO fxmon_event(event_id,alert_id,version,kind,condition,severity,pair,threshold,rate,rate_text,time,duration,worst,"
                          "suppressed,source,stream,partition,\"offset\",message,recorded)"
                          "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)",
    [FXI_SQL_EVENT_EACH] = "SELECT " EVENT_NAMES " FROM fxmon_event ORDER BY id DESC LIMIT ?1 OFFSET ?2",
    /* an alert that was removed meanwhile gets no state back */
    [FXI_SQL_STATE_PUT] = "INSERT INTO fxmon_alert_state(alert_id,version,side,phase,since,fired,fired_count,suppressed,worst_mantissa,worst_scale,last_time) "
                          "SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11 WHERE EXISTS(SELECT 1 FROM user_alerts WHERE id=?1) "
                          "ON CONFLICT(alert_id) DO UPDATE SET version=excluded.version,side=excluded.side,phase=excluded.phase,since=excluded.since,"
                          "fired=excluded.fired,fired_count=excluded.fired_count,suppressed=excluded.suppressed,"
                          "worst_mantissa=excluded.worst_mantissa,worst_scale=excluded.worst_scale,last_time=excluded.last_time",
    [FXI_SQL_LAST_PUT] = "INSERT INTO fxmon_last(lane,pair,time,mantissa,scale,bid_mantissa,bid_scale,ask_mantissa,ask_scale,source)"
                         "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT(lane,pair) DO UPDATE SET time=excluded.time,mantissa=excluded.mantissa,"
                         "scale=excluded.scale,bid_mantissa=excluded.bid_mantissa,bid_scale=excluded.bid_scale,"
                         "ask_mantissa=excluded.ask_mantissa,ask_scale=excluded.ask_scale,source=excluded.source",
    [FXI_SQL_LAST_EACH] = "SELECT pair,time,mantissa,scale,bid_mantissa,bid_scale,ask_mantissa,ask_scale,source FROM fxmon_last WHERE lane=?1 ORDER BY pair",
    [FXI_SQL_ALERT_ADD] = "INSERT INTO user_alerts(pair,condition,threshold,active,created_at,clear,hold_ns,cooldown_ns,repeat,severity)"
                          "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    [FXI_SQL_ALERT_REMOVE] = "DELETE FROM user_alerts WHERE id=?1",
    [FXI_SQL_ALERT_EACH] = "SELECT a.id,a.version,a.pair,a.condition,a.threshold,a.clear,a.hold_ns,a.cooldown_ns,a.repeat,a.severity,a.active,a.created_at,"
                           "s.alert_id,s.version,s.side,s.phase,s.since,s.fired,s.fired_count,s.suppressed,s.worst_mantissa,s.worst_scale,s.last_time "
                           "FROM user_alerts a LEFT JOIN fxmon_alert_state s ON s.alert_id=a.id WHERE a.active>=?1 ORDER BY a.id",
    [FXI_SQL_GENERATION] = "SELECT value FROM fxmon_counter WHERE name='alert_generation'",
    [FXI_SQL_OUTBOX_EACH] = "SELECT " EVENT_NAMES " FROM fxmon_event WHERE id>coalesce((SELECT through_id FROM fxmon_outbox WHERE destination=?1),0) "
                            "ORDER BY id LIMIT ?2",
    [FXI_SQL_OUTBOX_DONE] = "INSERT INTO fxmon_outbox(destination,through_id)VALUES(?1,iif(?2<0,(SELECT coalesce(max(id),0) FROM fxmon_event),?2)) "
                            "ON CONFLICT(destination) DO UPDATE SET through_id=max(through_id,?2)",
    [FXI_SQL_LATEST_EACH] = STORED_RATE("fxmon_latest") "ORDER BY p.pair,o.source",
    [FXI_SQL_HISTORY_DOWN] = HISTORY("", "DESC"),
    [FXI_SQL_HISTORY_UP] = HISTORY("", "ASC"),
    [FXI_SQL_HISTORY_SOURCE_DOWN] = HISTORY(OF_SOURCE, "DESC"),
    [FXI_SQL_HISTORY_SOURCE_UP] = HISTORY(OF_SOURCE, "ASC"),
    [FXI_SQL_HEALTH_PUT] = "INSERT INTO fxmon_health(" HEALTH_NAMES ")VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19) "
                           "ON CONFLICT(component,instance) DO UPDATE SET status=excluded.status,heartbeat=excluded.heartbeat,messages=excluded.messages,"
                           "row_count=excluded.row_count,dead_letters=excluded.dead_letters,last_offset=excluded.last_offset,lag=excluded.lag,"
                           "detail=excluded.detail,producer=excluded.producer,group_name=excluded.group_name,member=excluded.member,"
                           "partitions=excluded.partitions,version=excluded.version,started=excluded.started,interval=excluded.interval,"
                           "messages_last_minute=excluded.messages_last_minute,lag_ns=excluded.lag_ns",
    [FXI_SQL_HEALTH_EACH] = "SELECT " HEALTH_NAMES " FROM fxmon_health ORDER BY component,instance",
    [FXI_SQL_SOURCE_PUT] = "INSERT INTO fxmon_source_health(" SOURCE_NAMES ")VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20) "
                           "ON CONFLICT(source,log,instance,component)DO UPDATE SET status=excluded.status,error=excluded.error,heartbeat=excluded.heartbeat,answered=excluded.answered,failed=excluded.failed,failures=excluded.failures,publications=excluded.publications,"
                           "published=excluded.published,announced=excluded.announced,expected=excluded.expected,missed=excluded.missed,cadence=excluded.cadence,delay=excluded.delay,weekdays=excluded.weekdays,quota=excluded.quota,quota_used=excluded.quota_used",
    [FXI_SQL_SOURCE_EACH] = "SELECT " SOURCE_NAMES " FROM fxmon_source_health ORDER BY source,log,instance,component",
    [FXI_SQL_REBALANCE_PUT] = "INSERT INTO fxmon_rebalance(" REBALANCE_NAMES ")VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    [FXI_SQL_REBALANCE_EACH] = "SELECT id," REBALANCE_NAMES " FROM fxmon_rebalance ORDER BY id DESC LIMIT ?1 OFFSET ?2",
    [FXI_SQL_PLACE_EACH] = "SELECT lane,stream,partition,next_offset,epoch,owner,updated FROM fxmon_progress ORDER BY lane,stream,partition",
    [FXI_SQL_DEAD_RESOLVE] = "UPDATE fxmon_dead_letters SET resolved=?2 WHERE id=?1",
    [FXI_SQL_PING] = "SELECT value FROM fxmon_counter WHERE name='alert_generation'",
};

/* ---- versions ------------------------------------------------------------------------------------------------ */

static fxmon_result read_number(fxi_sqlite *s, const char *sql, int64_t *out, fxmon_error *error)
{
    sqlite3_stmt *statement = NULL;
    fxmon_result result = FXMON_DONE;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW) {
        result = fxi_sqlite_fail(s, "reading the schema", error);
    } else {
        *out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return result;
}

/* *version 0: an empty file. */
static fxmon_result read_version(fxi_sqlite *s, int64_t *version, fxmon_error *error)
{
    int64_t application = 0, objects = 0;
    fxmon_result result = read_number(s, "PRAGMA application_id", &application, error);
    if (result == FXMON_DONE) {
        result = read_number(s, "SELECT count(*) FROM sqlite_schema", &objects, error);
    }
    if (result == FXMON_DONE) {
        result = read_number(s, "PRAGMA user_version", version, error);
    }
    if (result != FXMON_DONE) {
        return result;
    }
    if (application == APPLICATION_ID && *version > NEWEST_VERSION) {
        fxi_fail(error, FXMON_E_CONFIG, "sqlite", "%s has schema %lld, this program knows schemas up to %d: use a newer fxmon", s->path,
                 (long long)*version, NEWEST_VERSION);
        return FXMON_FATAL;
    }
    if (application != APPLICATION_ID && (application != 0 || objects != 0)) {
        fxi_fail(error, FXMON_E_CONFIG, "sqlite", "%s is a database of another program: expected one of fxmon or a new file", s->path);
        return FXMON_FATAL;
    }
    if (application != APPLICATION_ID) {
        *version = 0;
    }
    return FXMON_DONE;
}

static fxmon_result execute(fxi_sqlite *s, const char *sql, fxmon_error *error)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? FXMON_DONE : fxi_sqlite_fail(s, "making the tables", error);
}

/* Inside BEGIN IMMEDIATE, so that of several programs that start at once one does it and the others find it done. */
static fxmon_result migrate(fxi_sqlite *s, fxmon_error *error)
{
    int64_t version = 0;
    fxmon_result result = read_version(s, &version, error);
    for (int64_t i = version; result == FXMON_DONE && i < NEWEST_VERSION; i++) {
        result = execute(s, migrations[i], error);
    }
    if (result == FXMON_DONE && version < NEWEST_VERSION) {
        char pragma[64];
        sqlite3_snprintf(sizeof(pragma), pragma, "PRAGMA user_version=%d", NEWEST_VERSION);
        result = execute(s, pragma, error);
    }
    if (result == FXMON_DONE && version == 0) {
        result = execute(s, "PRAGMA application_id=" APPLICATION_ID_TEXT, error);
    }
    return result;
}

fxmon_result fxi_sqlite_schema(fxi_sqlite *s, fxmon_error *error)
{
    int64_t version = 0;
    fxmon_result result = read_version(s, &version, error);
    if (result != FXMON_DONE || version == NEWEST_VERSION) {
        return result;
    }
    if (s->read_only) {
        fxi_fail(error, version == 0 ? FXMON_E_NOT_FOUND : FXMON_E_CONFIG, "sqlite",
                 version == 0 ? "%s has no tables yet: a program that writes makes them" : "%s has an older schema: a program that writes brings it up to date",
                 s->path);
        return FXMON_RETRY;
    }
    result = execute(s, "BEGIN IMMEDIATE", error);
    if (result != FXMON_DONE) {
        return result;
    }
    result = migrate(s, error);
    if (result == FXMON_DONE) {
        result = execute(s, "COMMIT", error);
    }
    if (result != FXMON_DONE) {
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return result;
}
