/*
 * store/postgresql_text.c - every statement, apart from the tables. All values are parameters; all answers are binary, which is why whole numbers are
 * bigint on both sides. Times of our own tables are nanoseconds since 1970 as bigint; only rates, which people read most, have timestamptz.
 */
#include "store/postgresql.h"

#define LOCK_CLASS "1719168367" /* "fxmo": our numbers among the advisory locks of the database */

/* in the order of read_rate in postgresql_query.c */
#define STORED_RATE                                                                                                              \
    "SELECT r.pair,r.observed_at,r.observed_ns,r.ingested_at,r.ingested_ns,r.rate,r.bid,r.ask,r.volatility,r.source,r.kafka_partition,r.kafka_offset FROM "
#define HISTORY(filter, order)                                                                                                   \
    STORED_RATE "fx_rates r WHERE r.pair=$1::text AND r.observed_at>=$2::timestamptz AND r.observed_at<=$4::timestamptz "            \
    "AND (r.observed_at,r.observed_ns)>=($2::timestamptz,$3::bigint) AND (r.observed_at,r.observed_ns)<($4::timestamptz,$5::bigint) " filter   \
    "ORDER BY r.observed_at " order ",r.observed_ns " order ",r.stream " order ",r.kafka_partition " order ",r.kafka_offset " order       \
    " LIMIT $6::bigint OFFSET $7::bigint"
#define OF_SOURCE "AND r.source=$8::text "
/* in the order of read_event in postgresql_alerts.c */
#define EVENT_NAMES                                                                                                              \
    "id,recorded,message,event_id,alert_id,version,kind,condition,severity,pair,threshold,rate,time,duration,worst,suppressed,source,partition,\"offset\""
/* in the order of postgresql_health.c */
#define HEALTH_NAMES                                                                                                             \
    "component,instance,status,heartbeat,messages,row_count,dead_letters,last_offset,lag,detail,producer,group_name,member,partitions,version," \
    "started,\"interval\",messages_last_minute,lag_ns"
#define SOURCE_NAMES                                                                                                             \
    "source,component,instance,log,status,error,heartbeat,answered,failed,failures,publications,published,announced,expected,missed,cadence,delay," \
    "weekdays,quota,quota_used"
#define REBALANCE_NAMES "time,component,instance,group_name,member,kind,partitions,assigned,generation,duration,reason"
#define HEALTH_KEPT "604800000000000"      /* 7 days without a heartbeat: nobody waits for that process any more */
#define REBALANCES_KEPT "2592000000000000" /* 30 days */

#define PLACE "lane=$1::text AND stream=$2::text AND partition=$3::bigint"
/* -1 is a claim that has never been advanced: the lane may have chosen where to start; the epoch alone fences there */
#define ADVANCE(more)                                                                                                            \
    "WITH moved AS(UPDATE fxmon_progress SET next_offset=$4::bigint,updated=$5::bigint" more " WHERE " PLACE                      \
    " AND epoch=$6::bigint AND(next_offset=$7::bigint OR next_offset=-1) RETURNING 1) SELECT 1/count(*) FROM moved"

const char *const fxi_postgresql_text[FXI_PG_STATEMENTS] = {
    [FXI_PG_ADVANCE] = ADVANCE(""),
    [FXI_PG_ADVANCE_SAVE] = ADVANCE(",checkpoint_offset=$8::bigint,checkpoint=$9::bytea"),
    /* in the order of the key, so that two lanes lock in the same order */
    [FXI_PG_LATEST_PUT] =
        "INSERT INTO fxmon_latest AS l(pair,source,stream,kafka_partition,kafka_offset,observed_at,observed_ns,ingested_at,ingested_ns,kind,samples,"
        "rate,bid,ask,volatility) SELECT pair,source,stream,part,at,observed,observed_ns,ingested,ingested_ns,kind,samples,rate,bid,ask,volatility "
        "FROM unnest($1::text[],$2::text[],$3::bigint[],$4::bigint[],$5::bigint[],$6::timestamptz[],$7::bigint[],$8::timestamptz[],$9::bigint[],"
        "$10::bigint[],$11::bigint[],$12::numeric[],$13::numeric[],$14::numeric[],$15::float8[]) AS n(pair,source,stream,part,at,observed,observed_ns,"
        "ingested,ingested_ns,kind,samples,rate,bid,ask,volatility) ORDER BY pair,source,stream,part "
        "ON CONFLICT(pair,source,stream,kafka_partition) DO UPDATE SET kafka_offset=excluded.kafka_offset,observed_at=excluded.observed_at,"
        "observed_ns=excluded.observed_ns,ingested_at=excluded.ingested_at,ingested_ns=excluded.ingested_ns,kind=excluded.kind,"
        "samples=excluded.samples,rate=excluded.rate,bid=excluded.bid,ask=excluded.ask,volatility=excluded.volatility "
        "WHERE (excluded.observed_at,excluded.observed_ns)>=(l.observed_at,l.observed_ns)",
    /* an alert that was removed meanwhile gets no state back; one that is there stays until the commit */
    [FXI_PG_STATE_PUT] =
        "WITH live AS(SELECT id FROM user_alerts WHERE id=ANY($1::bigint[]) ORDER BY id FOR KEY SHARE) "
        "INSERT INTO fxmon_alert_state(alert_id,version,side,phase,since,fired,fired_count,suppressed,worst,last_time) "
        "SELECT n.* FROM unnest($1::bigint[],$2::bigint[],$3::bigint[],$4::bigint[],$5::bigint[],$6::bigint[],$7::bigint[],$8::bigint[],$9::numeric[],"
        "$10::bigint[]) AS n(id,version,side,phase,since,fired,fired_count,suppressed,worst,last_time) JOIN live ON live.id=n.id ORDER BY n.id "
        "ON CONFLICT(alert_id) DO UPDATE SET version=excluded.version,side=excluded.side,phase=excluded.phase,since=excluded.since,"
        "fired=excluded.fired,fired_count=excluded.fired_count,suppressed=excluded.suppressed,worst=excluded.worst,last_time=excluded.last_time",
    [FXI_PG_LAST_PUT] =
        "INSERT INTO fxmon_last(lane,pair,time,mid,bid,ask,source) SELECT $1::text,n.* FROM unnest($2::text[],$3::bigint[],$4::numeric[],$5::numeric[],"
        "$6::numeric[],$7::text[]) AS n(pair,time,mid,bid,ask,source) ORDER BY n.pair ON CONFLICT(lane,pair) DO UPDATE SET time=excluded.time,"
        "mid=excluded.mid,bid=excluded.bid,ask=excluded.ask,source=excluded.source",
    /* numbers of events are given one transaction after the other, so that they become visible in their order */
    [FXI_PG_EVENT_LOCK] = "SELECT pg_advisory_xact_lock(" LOCK_CLASS ",3)",
    [FXI_PG_EVENT_ADD] =
        "WITH e AS(INSERT INTO fxmon_event(event_id,alert_id,version,kind,condition,severity,pair,threshold,rate,time,duration,worst,suppressed,source,"
        "stream,partition,\"offset\",message,recorded) VALUES($1::text,$2::bigint,$3::bigint,$4::bigint,$5::bigint,$6::bigint,$7::text,$8::numeric,"
        "$9::numeric,$10::bigint,$11::bigint,$12::numeric,$13::bigint,$14::text,$15::bigint,$16::bigint,$17::bigint,$18::text,$19::bigint) "
        "RETURNING kind,alert_id,version) "
        "UPDATE user_alerts a SET active=false FROM e WHERE e.kind=1 AND a.id=e.alert_id AND a.version=e.version AND a.repeat='once' AND a.active",
    [FXI_PG_DEAD_ADD] =
        "INSERT INTO fxmon_dead_letters(lane,stream,partition,\"offset\",data,reason,text,first_seen) VALUES($1::text,$2::text,$3::bigint,$4::bigint,"
        "$5::bytea,$6::text,$7::text,$8::bigint) ON CONFLICT(lane,stream,partition,\"offset\") DO UPDATE SET faults=fxmon_dead_letters.faults+1",
    [FXI_PG_HEALTH_PUT] =
        "WITH gone AS(DELETE FROM fxmon_health WHERE heartbeat<$4::bigint-" HEALTH_KEPT ") "
        "INSERT INTO fxmon_health(" HEALTH_NAMES ") VALUES($1::text,$2::text,$3::text,$4::bigint,$5::bigint,$6::bigint,$7::bigint,$8::bigint,$9::bigint,"
        "$10::text,$11::bigint<>0,$12::text,$13::text,$14::text,$15::text,$16::bigint,$17::bigint,$18::bigint,$19::bigint) "
        "ON CONFLICT(component,instance) DO UPDATE SET status=excluded.status,heartbeat=excluded.heartbeat,messages=excluded.messages,"
        "row_count=excluded.row_count,dead_letters=excluded.dead_letters,last_offset=excluded.last_offset,lag=excluded.lag,detail=excluded.detail,"
        "producer=excluded.producer,group_name=excluded.group_name,member=excluded.member,partitions=excluded.partitions,version=excluded.version,"
        "started=excluded.started,\"interval\"=excluded.\"interval\",messages_last_minute=excluded.messages_last_minute,lag_ns=excluded.lag_ns",
    [FXI_PG_GENERATION] = "SELECT value FROM fxmon_counter WHERE name='alert_generation'",
    [FXI_PG_OUTBOX_EACH] = "SELECT " EVENT_NAMES " FROM fxmon_event WHERE id>coalesce((SELECT through_id FROM fxmon_outbox WHERE destination=$1::text),0) "
                           "ORDER BY id LIMIT $2::bigint",

    [FXI_PG_STREAM_ID] = "SELECT id FROM fxmon_stream WHERE stream=$1::text",
    [FXI_PG_STREAM_ADD] = "INSERT INTO fxmon_stream(stream) VALUES($1::text) ON CONFLICT DO NOTHING",
    [FXI_PG_CLAIM] = "INSERT INTO fxmon_progress AS p(lane,stream,partition,next_offset,epoch,owner,updated) VALUES($1::text,$2::text,$3::bigint,-1,1,"
                     "$4::text,$5::bigint) ON CONFLICT(lane,stream,partition) DO UPDATE SET epoch=p.epoch+1,owner=excluded.owner,updated=excluded.updated "
                     "RETURNING next_offset,epoch,checkpoint_offset,checkpoint",
    [FXI_PG_PLACE] = "SELECT next_offset,epoch FROM fxmon_progress WHERE " PLACE " FOR UPDATE",
    [FXI_PG_DEAD_EACH] = "SELECT id,lane,stream,partition,\"offset\",data,reason,text,first_seen,resolved FROM fxmon_dead_letters ORDER BY id DESC "
                         "LIMIT $1::bigint OFFSET $2::bigint",
    [FXI_PG_DEAD_RESOLVE] = "UPDATE fxmon_dead_letters SET resolved=$2::bigint WHERE id=$1::bigint",
    [FXI_PG_EVENT_EACH] = "SELECT " EVENT_NAMES " FROM fxmon_event ORDER BY id DESC LIMIT $1::bigint OFFSET $2::bigint",
    [FXI_PG_LAST_EACH] = "SELECT pair,time,mid,bid,ask,source FROM fxmon_last WHERE lane=$1::text ORDER BY pair",
    [FXI_PG_ALERT_ADD] = "INSERT INTO user_alerts(pair,condition,threshold,active,created_at,clear,hold_ns,cooldown_ns,repeat,severity) VALUES($1::text,"
                         "$2::text,$3::numeric,$4::bigint<>0,$5::timestamptz,$6::numeric,$7::bigint,$8::bigint,$9::text,$10::text) RETURNING id",
    [FXI_PG_ALERT_REMOVE] = "DELETE FROM user_alerts WHERE id=$1::bigint",
    [FXI_PG_ALERT_EACH] = "SELECT a.id,a.version,a.pair,a.condition,a.threshold,a.clear,a.hold_ns,a.cooldown_ns,a.repeat,a.severity,a.active,a.created_at,"
                          "s.alert_id,s.version,s.side,s.phase,s.since,s.fired,s.fired_count,s.suppressed,s.worst,s.last_time "
                          "FROM user_alerts a LEFT JOIN fxmon_alert_state s ON s.alert_id=a.id WHERE a.active OR $1::bigint=0 ORDER BY a.id",
    [FXI_PG_OUTBOX_LOCK] = "SELECT pg_try_advisory_lock(hashtextextended('fxmon outbox '||current_schema||' '||$1::text,0))",
    [FXI_PG_OUTBOX_DONE] = "INSERT INTO fxmon_outbox AS o(destination,through_id) VALUES($1::text,CASE WHEN $2::bigint<0 THEN "
                           "(SELECT coalesce(max(id),0) FROM fxmon_event) ELSE $2::bigint END) "
                           "ON CONFLICT(destination) DO UPDATE SET through_id=greatest(o.through_id,$2::bigint)",
    [FXI_PG_LATEST_EACH] = "SELECT DISTINCT ON(r.pair,r.source) " "r.pair,r.observed_at,r.observed_ns,r.ingested_at,r.ingested_ns,r.rate,r.bid,r.ask,"
                           "r.volatility,r.source,r.kafka_partition,r.kafka_offset FROM fxmon_latest r "
                           "ORDER BY r.pair,r.source,r.observed_at DESC,r.observed_ns DESC,r.kafka_offset DESC",
    [FXI_PG_HISTORY_DOWN] = HISTORY("", "DESC"),
    [FXI_PG_HISTORY_UP] = HISTORY("", "ASC"),
    [FXI_PG_HISTORY_SOURCE_DOWN] = HISTORY(OF_SOURCE, "DESC"),
    [FXI_PG_HISTORY_SOURCE_UP] = HISTORY(OF_SOURCE, "ASC"),
    [FXI_PG_HEALTH_EACH] = "SELECT " HEALTH_NAMES " FROM fxmon_health ORDER BY component,instance",
    /* a producer that was started again has another instance; a source that nobody asks any more is late for as long as it is remembered */
    [FXI_PG_SOURCE_PUT] =
        "WITH gone AS(DELETE FROM fxmon_source_health WHERE heartbeat<$7::bigint-" REBALANCES_KEPT " OR (source=$1::text AND log=$4::text AND "
        "instance<>$3::text AND heartbeat<$7::bigint-15000000000)) "
        "INSERT INTO fxmon_source_health(" SOURCE_NAMES ") VALUES($1::text,$2::text,$3::text,$4::text,$5::text,$6::text,$7::bigint,$8::bigint,$9::bigint,"
        "$10::bigint,$11::bigint,$12::bigint,$13::bigint,$14::bigint,$15::bigint,$16::bigint,$17::bigint,$18::bigint<>0,$19::bigint,$20::bigint) "
        "ON CONFLICT(source,log,instance,component) DO UPDATE SET status=excluded.status,error=excluded.error,heartbeat=excluded.heartbeat,answered=excluded.answered,failed=excluded.failed,failures=excluded.failures,publications=excluded.publications,"
        "published=excluded.published,announced=excluded.announced,expected=excluded.expected,missed=excluded.missed,cadence=excluded.cadence,delay=excluded.delay,weekdays=excluded.weekdays,quota=excluded.quota,quota_used=excluded.quota_used",
    [FXI_PG_SOURCE_EACH] = "SELECT " SOURCE_NAMES " FROM fxmon_source_health ORDER BY source,log,instance,component",
    [FXI_PG_REBALANCE_PUT] = "WITH gone AS(DELETE FROM fxmon_rebalance WHERE time<$1::bigint-" REBALANCES_KEPT ") "
                             "INSERT INTO fxmon_rebalance(" REBALANCE_NAMES ") VALUES($1::bigint,$2::text,$3::text,$4::text,$5::text,$6::text,$7::text,"
                             "$8::text,$9::bigint,$10::bigint,$11::text)",
    [FXI_PG_REBALANCE_EACH] = "SELECT id," REBALANCE_NAMES " FROM fxmon_rebalance ORDER BY id DESC LIMIT $1::bigint OFFSET $2::bigint",
    [FXI_PG_PLACE_EACH] = "SELECT lane,stream,partition,next_offset,epoch,owner,updated FROM fxmon_progress ORDER BY lane,stream,partition",
    [FXI_PG_PING] = "SELECT 1::bigint",
    [FXI_PG_UNBLOCK] = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname=current_database() AND usename=current_user "
                       "AND application_name=current_setting('application_name') AND pid<>pg_backend_pid() AND state<>'idle' "
                       "AND wait_event='ClientRead' AND state_change<now()-interval '10s'",
    [FXI_PG_SCHEMA_VERSION] = "SELECT coalesce(max(version),0)::bigint FROM fxmon_schema",
    [FXI_PG_SCHEMA_NOTE] = "INSERT INTO fxmon_schema(version,applied_by) VALUES($1::bigint,$2::text)",
    /* the kind of fx_rates, NULL when there is none; whether there is a fxmon_schema; whether TimescaleDB is there */
    [FXI_PG_LAYOUT] = "SELECT (SELECT relkind::text FROM pg_class WHERE oid=to_regclass('fx_rates')),to_regclass('fxmon_schema') IS NOT NULL,"
                      "EXISTS(SELECT FROM pg_extension WHERE extname='timescaledb'),current_schema IS NOT NULL",
    [FXI_PG_MONTH_MAKE] = "SELECT fxmon_make_month(make_date($1::bigint::int,$2::bigint::int,1))",
    [FXI_PG_MONTH_DROP] = "SELECT fxmon_drop_months($1::timestamptz)",
};
