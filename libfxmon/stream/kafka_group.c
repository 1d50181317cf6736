/*
 * stream/kafka_group.c - which partitions are this reader's, and from where they are read.
 *
 * What the group gives and what is fetched are two things here. When the group assigns partitions, the callback answers with nothing to fetch, so that the group goes on
 * at once however long the lane needs to claim its progress; a partition is handed to librdkafka when the lane has said where to read it (fxi_kafka_apply). So nothing
 * is read before that by construction, offsets kept by the broker are never asked for, and to read somewhere else is the same step again. When the group takes partitions
 * back the callback only notes it: the lane commits what it holds and releases them, and until then, for at most REVOKE_LIMIT, the group waits. Heartbeats go on
 * in both cases; they come from a thread of librdkafka's.
 */
#include <string.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/mem.h"
#include "stream/kafka.h"

#define REVOKE_LIMIT (10 * FXMON_SECOND)
#define COMMIT_EVERY FXMON_SECOND
#define LAST_COMMIT_MS 500
#define LOOK_EVERY (20 * FXMON_SECOND)
#define METADATA_MS 2000
#define COOPERATIVE_COMMITS 0x020a00ff /* before this version of librdkafka a commit during a cooperative rebalance begins another one */

fxi_kafka_part *fxi_kafka_part_find(fxi_kafka_reader *r, int32_t id)
{
    for (size_t i = 0; i < r->part_count; i++) {
        if (r->parts[i].id == id) {
            return &r->parts[i];
        }
    }
    return NULL;
}

int fxi_kafka_news(fxi_kafka_reader *r, int32_t kind, int32_t partition)
{
    if (r->news_at == r->news_count) {
        r->news_at = r->news_count = 0;
    }
    fxmon_record *grown = fxi_grow(r->news, &r->news_capacity, r->news_count + 1, sizeof *grown);
    if (!grown) {
        return fxi_fail(&r->link.fatal, FXMON_E_NOMEM, "", "out of memory for the partitions of %.100s", r->place.topic);
    }
    r->news = grown;
    r->news[r->news_count++] = (fxmon_record){.kind = kind, .partition = partition, .data = ""};
    return FXMON_OK;
}

/* News that was not handed out, about partitions that are gone meanwhile. */
static void forget_news(fxi_kafka_reader *r, int32_t partition, int32_t kind)
{
    size_t kept = r->news_at;
    for (size_t i = r->news_at; i < r->news_count; i++) {
        if (r->news[i].partition != partition || r->news[i].kind != kind) {
            r->news[kept++] = r->news[i];
        }
    }
    r->news_count = kept;
}

bool fxi_kafka_own(fxi_kafka_reader *r, int32_t id)
{
    if (fxi_kafka_part_find(r, id)) {
        return true;
    }
    fxi_kafka_part *grown = fxi_grow(r->parts, &r->part_capacity, r->part_count + 1, sizeof *grown);
    if (!grown) {
        fxi_fail(&r->link.fatal, FXMON_E_NOMEM, "", "out of memory for the partitions of %.100s", r->place.topic);
        return false;
    }
    r->parts = grown;
    r->parts[r->part_count++] = (fxi_kafka_part){.id = id, .commit = -1, .commit_sent = -1};
    return fxi_kafka_news(r, FXMON_ASSIGNED, id) == FXMON_OK;
}

static void disown(fxi_kafka_reader *r, int32_t id)
{
    for (size_t i = 0; i < r->part_count; i++) {
        if (r->parts[i].id == id) {
            memmove(&r->parts[i], &r->parts[i + 1], (r->part_count - i - 1) * sizeof *r->parts);
            r->part_count--;
            return;
        }
    }
}

/* ---- answers to the group ---------------------------------------------------------------------------------- */

static void answered(fxi_kafka_reader *r, rd_kafka_error_t *error, const char *what)
{
    if (error) {
        fxi_log(r->env, FXMON_LOG_DEBUG, "kafka", "%s: %s", what, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
}

static rd_kafka_topic_partition_list_t *new_list(fxi_kafka_reader *r)
{
    return rd_kafka_topic_partition_list_new(r->part_count ? (int)r->part_count : 1);
}

static void add_part(fxi_kafka_reader *r, rd_kafka_topic_partition_list_t *list, const fxi_kafka_part *part)
{
    rd_kafka_topic_partition_list_add(list, r->place.topic, part->id)->offset = part->position;
}

/*
 * A question that the thread answers which deals with the group. It looks at what it has to do next when it is given something, or else once a second, so that joining a group takes
 * up to a second for each of the steps that have to be repeated: while there is nothing to read it is asked now and then.
 */
void fxi_kafka_poke(fxi_kafka_reader *r)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (rd_kafka_subscription(r->rk, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_topic_partition_list_destroy(list);
    }
}

/*
 * Waits until librdkafka has stopped what the last change of its assignment took away. Versions up to 2.0 at least end the process (an assertion) when a partition is taken
 * away twice before its first stop was answered. The stop and its answer pass through the queue that also answers this question, so three rounds are behind both.
 */
static void settle(fxi_kafka_reader *r)
{
    for (int round = 0; round < 3; round++) {
        fxi_kafka_poke(r);
    }
}

static void pause_again(fxi_kafka_reader *r)
{
    rd_kafka_topic_partition_list_t *list = new_list(r);
    for (size_t i = 0; i < r->part_count; i++) {
        if (r->parts[i].started && r->parts[i].paused) {
            add_part(r, list, &r->parts[i]);
        }
    }
    if (list->cnt > 0) {
        rd_kafka_pause_partitions(r->rk, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static bool to_start(const fxi_kafka_part *part)
{
    return part->sought && part->dirty && !part->paused && !part->revoked && !part->astray;
}

/* A partition of a cooperative group is started without touching the others. */
static int apply_some(fxi_kafka_reader *r)
{
    rd_kafka_topic_partition_list_t *begin = new_list(r), *end = new_list(r);
    for (size_t i = 0; i < r->part_count; i++) {
        fxi_kafka_part *part = &r->parts[i];
        if (to_start(part)) {
            add_part(r, begin, part);
            if (part->started) {
                add_part(r, end, part);
            }
            part->started = true;
            part->dirty = false;
        }
    }
    if (end->cnt > 0) {
        answered(r, rd_kafka_incremental_unassign(r->rk, end), "unassign");
        settle(r);
    }
    rd_kafka_error_t *error = begin->cnt > 0 ? rd_kafka_incremental_assign(r->rk, begin) : NULL;
    rd_kafka_topic_partition_list_destroy(begin);
    rd_kafka_topic_partition_list_destroy(end);
    if (error) {
        fxi_fail(&r->link.trouble, FXMON_E_IO, "kafka", "cannot begin to read: %.150s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        return FXMON_E_IO;
    }
    return FXMON_OK;
}

/* Otherwise the whole assignment is set anew; those that are being read go on at the next record that was not handed out. */
static int apply_all(fxi_kafka_reader *r)
{
    rd_kafka_topic_partition_list_t *list = new_list(r);
    for (size_t i = 0; i < r->part_count; i++) {
        fxi_kafka_part *part = &r->parts[i];
        if (to_start(part) || (part->started && !part->revoked)) {
            add_part(r, list, part);
        }
    }
    rd_kafka_resp_err_t err = rd_kafka_assign(r->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    settle(r);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fxi_fail(&r->link.trouble, FXMON_E_IO, "kafka", "cannot begin to read: %.150s", rd_kafka_err2str(err));
        return FXMON_E_IO;
    }
    for (size_t i = 0; i < r->part_count; i++) {
        fxi_kafka_part *part = &r->parts[i];
        if (to_start(part)) {
            part->started = true;
            part->dirty = false;
        }
    }
    pause_again(r);
    return FXMON_OK;
}

int fxi_kafka_apply(fxi_kafka_reader *r, fxmon_error *error)
{
    bool some = false;
    if (!r->dirty || r->revoking) {
        return FXMON_OK;
    }
    for (size_t i = 0; i < r->part_count; i++) {
        some = some || to_start(&r->parts[i]);
    }
    if (!some) {
        return FXMON_OK;
    }
    int code = r->cooperative ? apply_some(r) : apply_all(r);
    if (code != FXMON_OK) {
        *error = r->link.trouble;
        return code;
    }
    r->dirty = false;
    for (size_t i = 0; i < r->part_count; i++) {
        r->dirty = r->dirty || r->parts[i].dirty; /* paused ones */
    }
    return FXMON_OK;
}

/* ---- the callback: in a poll of the thread that owns the reader ------------------------------------------------ */

static void tell(fxi_kafka_reader *r, const char *reason)
{
    size_t length = strlen(reason);
    length = length < sizeof r->member.reason ? length : sizeof r->member.reason - 1;
    memcpy(r->member.reason, reason, length);
    r->member.reason[length] = '\0';
}

/* The generation has no accessor in older versions; it stands behind the mark in what can be written out of a member's state. */
static int32_t generation(rd_kafka_t *rk)
{
    static const char mark[] = "CGMDv2:";
    int32_t value = -1;
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(rk);
    void *bytes = NULL;
    size_t size = 0;
    if (!metadata) {
        return -1;
    }
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    if (error) {
        rd_kafka_error_destroy(error);
    } else {
        if (size >= sizeof mark - 1 + sizeof value && memcmp(bytes, mark, sizeof mark - 1) == 0) {
            memcpy(&value, (const char *)bytes + sizeof mark - 1, sizeof value);
        }
        rd_kafka_mem_free(rk, bytes);
    }
    rd_kafka_consumer_group_metadata_destroy(metadata);
    return value;
}

static void know_member(fxi_kafka_reader *r)
{
    char *id = rd_kafka_memberid(r->rk);
    if (id) {
        size_t length = strlen(id);
        length = length < sizeof r->member.id ? length : sizeof r->member.id - 1;
        memcpy(r->member.id, id, length);
        r->member.id[length] = '\0';
        rd_kafka_mem_free(r->rk, id);
    }
    r->member.generation = generation(r->rk);
    r->member.cooperative = r->cooperative;
}

static void take(fxi_kafka_reader *r, rd_kafka_topic_partition_list_t *list)
{
    know_member(r);
    r->joined = true;
    if (!r->member.reason[0] || r->member.began == 0) {
        tell(r, r->member.reason[0] ? "the group was rebalanced" : "joined the group");
        r->member.began = r->member.began ? r->member.began : fxi_kafka_now(r->env);
    }
    for (int i = 0; i < list->cnt; i++) {
        fxi_kafka_own(r, list->elems[i].partition);
    }
    if (r->part_count == 0) {
        fxi_kafka_news(r, FXMON_ASSIGNED, -1);
    }
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
    if (r->cooperative) {
        answered(r, rd_kafka_incremental_assign(r->rk, none), "assign");
    } else if (rd_kafka_assign(r->rk, none) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fxi_log(r->env, FXMON_LOG_DEBUG, "kafka", "assign: not taken");
    }
    rd_kafka_topic_partition_list_destroy(none);
    FXI_CRASH("kafka.taken");
}

/* Give `list` back to the group. Only what was started is known to librdkafka. */
static void give_back(fxi_kafka_reader *r, const rd_kafka_topic_partition_list_t *list)
{
    r->joined = false;
    if (r->cooperative) {
        rd_kafka_topic_partition_list_t *started = new_list(r);
        for (int i = 0; i < list->cnt; i++) {
            const fxi_kafka_part *part = fxi_kafka_part_find(r, list->elems[i].partition);
            if (part && part->started) {
                add_part(r, started, part);
            }
        }
        answered(r, rd_kafka_incremental_unassign(r->rk, started), "unassign");
        rd_kafka_topic_partition_list_destroy(started);
    } else {
        rd_kafka_assign(r->rk, NULL);
    }
    for (int i = 0; i < list->cnt; i++) {
        disown(r, list->elems[i].partition);
    }
    FXI_CRASH("kafka.given");
}

/* Taken over by others already. What the lane was not told of yet it needs not hear at all. */
static void lose(fxi_kafka_reader *r, const rd_kafka_topic_partition_list_t *list, const char *reason)
{
    tell(r, reason);
    r->member.began = fxi_kafka_now(r->env);
    for (int i = 0; i < list->cnt; i++) {
        fxi_kafka_part *part = fxi_kafka_part_find(r, list->elems[i].partition);
        if (part && !part->released) {
            forget_news(r, part->id, FXMON_ASSIGNED);
            forget_news(r, part->id, FXMON_REVOKED);
            fxi_kafka_news(r, FXMON_LOST, part->id);
        }
    }
}

void fxi_kafka_abandon(fxi_kafka_reader *r, const char *reason)
{
    rd_kafka_topic_partition_list_t *all = new_list(r);
    for (size_t i = 0; i < r->part_count; i++) {
        add_part(r, all, &r->parts[i]);
    }
    lose(r, all, reason);
    rd_kafka_topic_partition_list_destroy(all);
    r->part_count = 0;
}

static void revoke(fxi_kafka_reader *r, const rd_kafka_topic_partition_list_t *list)
{
    fxi_kafka_commit(r, true);
    tell(r, "the group was rebalanced");
    r->member.began = fxi_kafka_now(r->env);
    r->revoking = true;
    r->revoke_until = r->member.began + REVOKE_LIMIT;
    r->revoked = rd_kafka_topic_partition_list_copy(list);
    for (int i = 0; i < list->cnt; i++) {
        fxi_kafka_part *part = fxi_kafka_part_find(r, list->elems[i].partition);
        if (part) {
            part->revoked = true;
            fxi_kafka_news(r, FXMON_REVOKED, part->id);
        }
    }
}

void fxi_kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    fxi_kafka_reader *r = opaque;
    const char *protocol = rd_kafka_rebalance_protocol(rk);
    r->cooperative = protocol && strcmp(protocol, "COOPERATIVE") == 0;
    fxi_log(r->env, FXMON_LOG_DEBUG, "kafka", "%s: %s, %d partitions", r->place.topic, rd_kafka_err2name(err), list ? list->cnt : 0);
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !r->closing) {
        take(r, list);
    } else if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && !r->closing && !rd_kafka_assignment_lost(rk) && list->cnt > 0) {
        revoke(r, list);
    } else {
        if (!r->closing) {
            lose(r, list, err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS ? "lost: the group went on without this member" : rd_kafka_err2str(err));
        }
        give_back(r, list);
    }
}

void fxi_kafka_revoke_end(fxi_kafka_reader *r)
{
    if (r->revoking) {
        r->revoking = false;
        give_back(r, r->revoked);
        rd_kafka_topic_partition_list_destroy(r->revoked);
        r->revoked = NULL;
        r->dirty = true;
    }
}

void fxi_kafka_revoke_look(fxi_kafka_reader *r)
{
    if (!r->revoking) {
        return;
    }
    bool all = true, lost = rd_kafka_assignment_lost(r->rk) != 0;
    for (int i = 0; i < r->revoked->cnt; i++) {
        const fxi_kafka_part *part = fxi_kafka_part_find(r, r->revoked->elems[i].partition);
        all = all && (!part || part->released);
    }
    if (!all && (lost || fxi_kafka_now(r->env) >= r->revoke_until)) {
        lose(r, r->revoked, lost ? "lost: the group went on without this member" : "lost: not released in time");
        all = true;
    }
    if (all) {
        fxi_kafka_revoke_end(r);
    }
}

/* ---- without a group --------------------------------------------------------------------------------------------- */

int fxi_kafka_grow(fxi_kafka_reader *r, fxmon_error *error)
{
    const struct rd_kafka_metadata *metadata;
    int64_t now = fxi_kafka_now(r->env);
    if (r->grouped || (r->looked_at != 0 && now - r->looked_at < (r->part_count ? LOOK_EVERY : FXMON_SECOND))) {
        return FXMON_OK;
    }
    r->looked_at = now;
    rd_kafka_resp_err_t err = rd_kafka_metadata(r->rk, 0, r->topic, &metadata, METADATA_MS);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (r->link.fatal.code != FXMON_OK) {
            return FXMON_OK; /* said by the caller */
        }
        return fxi_fail(error, FXMON_E_IO, "kafka", "%.80s: %.120s", r->place.servers, r->link.trouble.code ? r->link.trouble.text : rd_kafka_err2str(err));
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (strcmp(topic->topic, r->place.topic) == 0 && topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            r->missing = topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            fxi_kafka_link_error(&r->link, topic->err, rd_kafka_err2str(topic->err));
        }
        for (int k = 0; strcmp(topic->topic, r->place.topic) == 0 && k < topic->partition_cnt; k++) {
            r->missing = false;
            fxi_kafka_own(r, topic->partitions[k].id);
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return FXMON_OK;
}

/* ---- for lag tools -------------------------------------------------------------------------------------------------- */

/* The last commit of a handle, which takes with it what it has not sent. */
static void commit_now(fxi_kafka_reader *r, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(r->rk);
    if (rd_kafka_commit_queue(r->rk, list, queue, NULL, NULL) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, LAST_COMMIT_MS);
        if (event) {
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_queue_destroy(queue);
}

void fxi_kafka_commit(fxi_kafka_reader *r, bool last)
{
    int64_t now = fxi_kafka_now(r->env);
    if (!r->grouped || (!last && now - r->commits_at < COMMIT_EVERY) || (r->cooperative && rd_kafka_version() < COOPERATIVE_COMMITS)) {
        return;
    }
    r->commits_at = now;
    rd_kafka_topic_partition_list_t *list = new_list(r);
    for (size_t i = 0; i < r->part_count; i++) {
        fxi_kafka_part *part = &r->parts[i];
        if (part->commit > part->commit_sent) {
            rd_kafka_topic_partition_list_add(list, r->place.topic, part->id)->offset = part->commit;
            part->commit_sent = part->commit;
        }
    }
    if (list->cnt > 0 && r->closing && !r->link.down) {
        commit_now(r, list);
    } else if (list->cnt > 0) {
        rd_kafka_commit(r->rk, list, 1); /* nobody waits for it, and nothing depends on it */
    }
    rd_kafka_topic_partition_list_destroy(list);
}
