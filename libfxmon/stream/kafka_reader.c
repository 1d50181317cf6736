/*
 * stream/kafka_reader.c - reading a topic.
 *
 * Records are taken one by one (rd_kafka_consumer_poll): taking many at once has skipped records around pauses and rebalances in several versions. Each partition's next
 * offset is counted here, so what comes again is dropped, and a place that is not in the log any more is a gap with exact ends, never a jump. The lane's own thread
 * polls: it keeps calling read while its destination is away, with its partitions paused, and every call here returns within seconds, so the group never waits
 * for a thread that hangs, and no second thread is needed that would say "alive" for one that is not.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "stream/kafka.h"

#define OVERSIZE_KEPT ((size_t)4096)
#define SLICE_MS 100       /* between two looks at the stop */
#define QUERY_MS 2000
#define NUDGE_EVERY (10 * FXMON_SECOND / 1000)
#define CLUSTER_MS 1000
#define IDENTITY_MAXIMUM 400

/* ---- small questions ------------------------------------------------------------------------------------------------ */

const char *fxi_kafka_identity(void *state)
{
    const fxi_kafka_reader *r = state;
    return r->identity ? r->identity : "";
}

/* The name of the log for progress: a topic of another cluster is another log, whatever the addresses are. */
static bool learn_identity(fxi_kafka_reader *r)
{
    if (r->identity) {
        return true;
    }
    char *cluster = rd_kafka_clusterid(r->rk, CLUSTER_MS);
    if (!cluster) {
        return false;
    }
    fxi_buf text;
    fxi_buf_init(&text, IDENTITY_MAXIMUM);
    fxi_buf_puts(&text, "kafka/");
    fxi_buf_puts(&text, cluster);
    fxi_buf_putc(&text, '/');
    fxi_buf_puts(&text, r->place.topic);
    rd_kafka_mem_free(r->rk, cluster);
    r->identity = fxi_buf_take(&text);
    fxi_buf_free(&text);
    return r->identity != NULL;
}

int fxi_kafka_pollfd(void *state)
{
    return ((fxi_kafka_reader *)state)->event;
}

bool fxi_kafka_member_told(void *state, fxmon_member *member)
{
    const fxi_kafka_reader *r = state;
    *member = r->member;
    return r->grouped;
}

void fxi_kafka_release(void *state, int32_t partition)
{
    fxi_kafka_reader *r = state;
    fxi_kafka_part *part = fxi_kafka_part_find(r, partition);
    if (part && part->revoked) {
        part->released = true;
        fxi_kafka_revoke_look(r);
    }
}

void fxi_kafka_committed(void *state, int32_t partition, int64_t next_offset)
{
    fxi_kafka_reader *r = state;
    fxi_kafka_part *part = fxi_kafka_part_find(r, partition);
    if (part) {
        part->commit = next_offset;
        fxi_kafka_commit(r, false);
    }
}

/*
 * Where a partition begins or ends. The call that is made for both asks without a time limit in versions of librdkafka before 2.3, and never comes back when the leader died
 * just before; the one for times keeps to its limit, and takes the two ends as times.
 */
static rd_kafka_resp_err_t query_end(fxi_kafka_reader *r, int32_t partition, int64_t which, int64_t *offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(list, r->place.topic, partition);
    one->offset = which;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(r->rk, list, QUERY_MS);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = list->elems[0].err;
        *offset = list->elems[0].offset;
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && *offset < 0) {
        err = RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

static int query(fxi_kafka_reader *r, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error)
{
    rd_kafka_resp_err_t err = query_end(r, partition, RD_KAFKA_OFFSET_BEGINNING, first);
    err = err == RD_KAFKA_RESP_ERR_NO_ERROR ? query_end(r, partition, RD_KAFKA_OFFSET_END, end) : err;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return FXMON_OK;
    }
    return fxi_fail(error, FXMON_E_IO, "kafka", "%.80s, partition %d: %.120s", r->place.topic, (int)partition, rd_kafka_err2str(err));
}

/*
 * What the last fetch said, without asking: a question waits behind the fetch that is under way on the same connection, and a topic that is quiet
 * keeps that one for its whole patience; asked once a second for each partition, it left no time for records.
 */
static bool known(fxi_kafka_reader *r, const fxi_kafka_part *part, int64_t *first, int64_t *end)
{
    int64_t low, high;
    if (rd_kafka_get_watermark_offsets(r->rk, r->place.topic, part->id, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR || high < part->position) {
        return false;
    }
    *first = part->first;
    *end = high;
    return true;
}

fxmon_result fxi_kafka_bounds(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error)
{
    fxi_kafka_reader *r = state;
    fxi_kafka_part *part = fxi_kafka_part_find(r, partition);
    *first = *end = 0;
    if (!error && part && part->started && known(r, part, first, end)) {
        return FXMON_DONE;
    }
    int code = query(r, partition, first, end, error);
    if (code == FXMON_OK && part) {
        part->first = *first;
    }
    return fxi_kafka_result(code);
}

fxmon_result fxi_kafka_seek(void *state, int32_t partition, int64_t offset, fxmon_error *error)
{
    fxi_kafka_reader *r = state;
    fxi_kafka_part *part = fxi_kafka_part_find(r, partition);
    int64_t first, end;
    if (!part || offset < FXMON_OFFSET_FIRST) {
        return fxi_kafka_result(fxi_fail(error, FXMON_E_ARGUMENT, "offset", "partition %d is not this reader's, or %lld is no offset", (int)partition,
                                         (long long)offset));
    }
    if (offset < 0) {
        int code = query(r, partition, &first, &end, error);
        if (code != FXMON_OK) {
            return fxi_kafka_result(code);
        }
        offset = offset == FXMON_OFFSET_FIRST ? first : end;
    }
    part->position = offset;
    part->sought = part->dirty = r->dirty = true;
    part->astray = false;
    return FXMON_DONE;
}

fxmon_result fxi_kafka_pause(void *state, int32_t partition, bool paused)
{
    fxi_kafka_reader *r = state;
    fxi_kafka_part *part = fxi_kafka_part_find(r, partition);
    if (!part || part->paused == paused) {
        return FXMON_DONE;
    }
    part->paused = paused;
    if (part->started) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, r->place.topic, partition);
        if (paused) {
            rd_kafka_pause_partitions(r->rk, list);
        } else {
            rd_kafka_resume_partitions(r->rk, list);
        }
        rd_kafka_topic_partition_list_destroy(list);
    }
    r->dirty = true;
    return FXMON_DONE;
}

/* ---- records ----------------------------------------------------------------------------------------------------------- */

/* Is this message the next thing to hand out of a partition that is to be read? Otherwise it comes again, or was there before. */
static fxi_kafka_part *wanted(fxi_kafka_reader *r, const rd_kafka_message_t *m)
{
    fxi_kafka_part *part = fxi_kafka_part_find(r, m->partition);
    if (!part || !part->sought || part->dirty || part->revoked || part->astray || m->offset < part->position) {
        return NULL;
    }
    if (part->paused) {
        part->dirty = r->dirty = true;
        return NULL;
    }
    return part;
}

/* The header fxmon-hops: how often this record was a dead letter. Whatever else somebody wrote there counts as often as one digit can say. */
static int32_t hops_of(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t length;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "fxmon-hops", &value, &length) != RD_KAFKA_RESP_ERR_NO_ERROR || !value || length == 0) {
        return 0;
    }
    const char *digit = value;
    return length == 1 && *digit >= '0' && *digit <= '9' ? *digit - '0' : 9;
}

static void fill(const fxi_kafka_reader *r, fxmon_record *out, const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t time = rd_kafka_message_timestamp(m, &type);
    *out = (fxmon_record){.kind = FXMON_RECORD, .partition = m->partition, .offset = m->offset, .data = m->payload ? m->payload : "", .length = m->len,
                          .timestamp = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time < 0 ? 0 : time * 1000000};
    out->hops = hops_of(m);
    out->oversize = (int64_t)m->len > r->max_record;
    out->length = out->oversize && m->len > OVERSIZE_KEPT ? OVERSIZE_KEPT : m->len;
}

static void trouble_of(fxi_kafka_reader *r, const rd_kafka_message_t *m)
{
    fxi_kafka_part *part = m->rkt ? fxi_kafka_part_find(r, m->partition) : NULL;
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        if (part && part->sought && !part->dirty) {
            part->astray = true;
        }
        return;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        r->missing = true;
        return;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
        fxi_log(r->env, FXMON_LOG_WARNING, "kafka", "%s", rd_kafka_message_errstr(m)); /* and the callback says what is lost */
        return;
    case RD_KAFKA_RESP_ERR__FATAL: {
        char text[200] = "";
        fxi_kafka_link_error(&r->link, rd_kafka_fatal_error(r->rk, text, sizeof text), text);
        return;
    }
    default:
        fxi_kafka_link_error(&r->link, m->err, rd_kafka_message_errstr(m));
        fxi_log(r->env, FXMON_LOG_DEBUG, "kafka", "%s: %s", rd_kafka_err2name(m->err), rd_kafka_message_errstr(m));
    }
}

/* One message or event. true: it became a record. */
static bool take(fxi_kafka_reader *r, rd_kafka_message_t *m, fxmon_record *out)
{
    fxi_kafka_part *part = NULL;
    if (m->err) {
        trouble_of(r, m);
    } else {
        part = wanted(r, m);
    }
    if (!part) {
        rd_kafka_message_destroy(m);
        return false;
    }
    fill(r, out, m);
    part->position = m->offset + 1;
    r->held[r->held_count++] = m;
    r->missing = false;
    return true;
}

/*
 * A queue that was full is filled again by a thread that looks once a second, or when it is given something to do (librdkafka before 2.2 at least). So an empty queue in
 * front of records that are known to be there is a reason to ask that thread, the leader's, where the partition ends: no fetch is under way then, and it answers at once.
 */
static void nudge(fxi_kafka_reader *r)
{
    int64_t now = fxi_kafka_now(r->env), low, high, end;
    for (size_t i = 0; i < r->part_count && now - r->nudged_at >= NUDGE_EVERY; i++) {
        const fxi_kafka_part *part = &r->parts[i];
        if (part->started && !part->dirty && !part->paused && !part->revoked && !part->astray &&
            rd_kafka_get_watermark_offsets(r->rk, r->place.topic, part->id, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR && high > part->position) {
            (void)query_end(r, part->id, RD_KAFKA_OFFSET_END, &end);
            r->nudged_at = now;
        }
    }
}

static size_t poll_some(fxi_kafka_reader *r, fxmon_record *records, size_t max, int timeout_ms)
{
    int64_t until = fxi_kafka_now(r->env) + (int64_t)timeout_ms * 1000000;
    size_t n = 0;
    while (n < max && r->link.fatal.code == FXMON_OK) {
        int64_t left = n > 0 || r->news_at < r->news_count ? 0 : (until - fxi_kafka_now(r->env) + 999999) / 1000000;
        int slice = left <= 0 || fxi_kafka_stopping(r->env) ? 0 : left < SLICE_MS ? (int)left : SLICE_MS;
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->rk, slice);
        if (m) {
            n += take(r, m, &records[n]);
            continue;
        }
        nudge(r);
        if (r->group && !r->joined && r->part_count == 0) {
            fxi_kafka_poke(r);
        }
        if (slice == 0 || left <= SLICE_MS) {
            break;
        }
    }
    return n;
}

/* A position that is not in the log: records that are gone are a gap, a log that ends before it is another log. */
static fxmon_result find_again(fxi_kafka_reader *r, fxi_kafka_part *part, fxmon_record *out, bool *gap, fxmon_error *error)
{
    int64_t first, end;
    *gap = false;
    int code = query(r, part->id, &first, &end, error);
    if (code != FXMON_OK) {
        return fxi_kafka_result(code);
    }
    if (part->position > end) {
        fxi_fail(error, FXMON_E_GAP, "from", "partition %d of %.80s ends at %lld, but was read up to %lld: was it cut or made anew?", (int)part->id, r->place.topic,
                 (long long)end, (long long)part->position);
        return FXMON_FATAL;
    }
    if (part->position >= first) {
        part->astray = false;
        part->dirty = r->dirty = true; /* it is there after all: a leader that was behind */
        return FXMON_DONE;
    }
    *out = (fxmon_record){.kind = FXMON_GAP, .partition = part->id, .from = part->position, .offset = first, .data = ""};
    part->astray = part->sought = false; /* until the lane says where to go on */
    *gap = true;
    return FXMON_DONE;
}

static fxmon_result look_for_gaps(fxi_kafka_reader *r, fxmon_record *records, size_t max, size_t *count, fxmon_error *error)
{
    for (size_t i = 0; i < r->part_count && *count < max; i++) {
        bool gap = false;
        if (r->parts[i].astray && !r->parts[i].revoked) {
            fxmon_result result = find_again(r, &r->parts[i], &records[*count], &gap, error);
            if (result != FXMON_DONE) {
                return result;
            }
            *count += gap;
        }
    }
    return FXMON_DONE;
}

static size_t hand_out_news(fxi_kafka_reader *r, fxmon_record *records, size_t max)
{
    size_t n = 0;
    while (n < max && r->news_at < r->news_count) {
        records[n++] = r->news[r->news_at++];
    }
    return n;
}

/* Nothing came: is that all right? */
static fxmon_result verdict(fxi_kafka_reader *r, fxmon_error *error)
{
    if (r->link.down && !fxi_kafka_link_back(&r->link, r->rk)) {
        return fxi_kafka_result(fxi_fail(error, FXMON_E_IO, "from", "no broker of %.80s answers: %.120s", r->place.servers, r->link.trouble.text));
    }
    if (r->missing && r->part_count == 0) {
        if (r->until_end) {
            fxi_fail(error, FXMON_E_IO, "from", "there is no topic %.100s, so there is no end of it to read to", r->place.topic);
            return FXMON_FATAL;
        }
        fxi_complain(&r->complaint, r->env, "kafka", "there is no topic %s yet; waiting for it", r->place.topic);
    } else if (r->part_count > 0) {
        fxi_relieve(&r->complaint, r->env, "kafka", "the topic");
    }
    return FXMON_DONE;
}

static fxmon_result prepare(fxi_kafka_reader *r, size_t max, fxmon_error *error)
{
    uint64_t drained;
    fxi_kafka_let_go(r);
    if (read(r->event, &drained, sizeof drained) < 0 && errno != EAGAIN && errno != EINTR) {
        return fxi_kafka_result(fxi_fail_errno(error, errno, "cannot read", "an event descriptor"));
    }
    rd_kafka_message_t **grown = fxi_grow(r->held, &r->held_capacity, max, sizeof *grown);
    if (!grown) {
        return fxi_kafka_result(fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for %lld records", (long long)max));
    }
    r->held = grown;
    int code = r->link.renew ? fxi_kafka_renew(r, error) : FXMON_OK;
    fxi_kafka_revoke_look(r);
    if (code == FXMON_OK) {
        code = fxi_kafka_grow(r, error);
    }
    if (code == FXMON_OK) {
        code = fxi_kafka_apply(r, error);
    }
    return fxi_kafka_result(code);
}

fxmon_result fxi_kafka_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error)
{
    fxi_kafka_reader *r = state;
    *count = 0;
    if (max == 0) {
        return FXMON_DONE;
    }
    fxmon_result result = prepare(r, max, error);
    if (result == FXMON_DONE && r->news_at == r->news_count) {
        *count = poll_some(r, records, max, timeout_ms);
    }
    if (r->link.fatal.code != FXMON_OK) {
        *error = r->link.fatal;
        return FXMON_FATAL;
    }
    if (result == FXMON_DONE && *count == 0 && r->news_at < r->news_count) {
        if (!learn_identity(r)) {
            return fxi_kafka_result(fxi_fail(error, FXMON_E_IO, "from", "%.80s does not say which cluster it is", r->place.servers));
        }
        *count = hand_out_news(r, records, max);
    }
    if (result == FXMON_DONE && *count < max) {
        result = look_for_gaps(r, records, max, count, error);
    }
    if (*count > 0) {
        return FXMON_DONE;
    }
    fxi_kafka_commit(r, false);
    return result == FXMON_DONE ? verdict(r, error) : result;
}
