/*
 * sink/elasticsearch_progress.c - where a lane stands, in the server that holds its documents: one small document a lane and partition, changed by compare-and-set on
 * its sequence number, so that of two processes that believe they own the partition one is fenced; and beside it the checkpoint, which is larger and written rarely.
 *
 * The checkpoint is written after the place: a crash between the two leaves an older checkpoint, from which the log is replayed, never one that is ahead. The place
 * also names the index that the documents went into. When that index is gone and no later one is there, or one of the same name has another birth, somebody deleted the
 * documents, and the lane begins anew with the first record of the log.
 */
#include <string.h>

#include "base/base64.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "sink/elasticsearch.h"

#define ANSWER_MAXIMUM ((size_t)64 * 1024 * 1024)    /* a checkpoint of many series */
#define CHECKPOINT_MAXIMUM ((size_t)64 * 1024 * 1024)

fxmon_result fxi_elastic_refresh(fxi_elastic *e, const char *index, fxmon_error *error)
{
    fxi_elastic_answer answer;
    char path[FXI_ELASTIC_NAME + 16] = "/";
    memcpy(path + 1, index, strlen(index));
    memcpy(path + 1 + strlen(index), "/_refresh", sizeof "/_refresh");
    fxmon_result result = fxi_elastic_http_send(e->http, "POST", path, NULL, 0, ANSWER_MAXIMUM, &answer, error);
    if (result == FXMON_DONE && answer.status != 200 && answer.status != 404)
        result = fxi_elastic_refusal(&answer, "a refresh", error);
    return result;
}

static fxmon_result look_birth(fxi_elastic *e, const fxi_elastic_birth *known, fxi_elastic_birth *newest, bool *born_again, fxmon_error *error)
{
    fxi_elastic_answer answer;
    char path[FXI_ELASTIC_NAME + 96] = "/";
    static const char rest[] = "/_settings/index.uuid?filter_path=*.settings.index.uuid";
    memcpy(path + 1, e->names.rates, strlen(e->names.rates));
    memcpy(path + 1 + strlen(e->names.rates), rest, sizeof rest);
    fxmon_result result = fxi_elastic_http_send(e->http, "GET", path, NULL, 0, ANSWER_MAXIMUM, &answer, error);
    if (result != FXMON_DONE)
        return result;
    if (answer.status == 404) {
        answer.body = "{}";
        answer.length = 2;
    } else if (answer.status != 200) {
        result = fxi_elastic_refusal(&answer, "a question for the index", error);
        if (answer.status != 403)
            return result;
        memcpy(newest, known, sizeof *newest); /* who may only write does not get to know */
        *born_again = false;
        return FXMON_DONE;
    }
    return fxi_elastic_birth_read(answer.body, answer.length, known, newest, born_again, error) == FXMON_OK ? FXMON_DONE : FXMON_RETRY;
}

/* The highest offset of this log and partition in the data stream; -1: none. */
static fxmon_result look_seen(fxi_elastic *e, const char *log, int32_t partition, int64_t *seen, fxmon_error *error)
{
    fxi_elastic_answer answer;
    fxi_buf path, body;
    fxi_buf_init(&path, 256);
    fxi_buf_init(&body, 1024);
    *seen = -1;
    fxi_buf_printf(&path, "/%s/_search?allow_partial_search_results=false&filter_path=hits.hits._source", e->names.rates);
    fxi_buf_printf(&body,
                   "{\"size\":1,\"track_total_hits\":false,\"_source\":[\"offset\"],\"sort\":[{\"offset\":{\"order\":\"desc\",\"unmapped_type\":\"long\"}}],"
                   "\"query\":{\"bool\":{\"filter\":[{\"term\":{\"log\":\"%s\"}},{\"term\":{\"partition\":%d}}]}}}",
                   log, (int)partition);
    fxmon_result result = FXMON_FATAL;
    if (path.failed || body.failed)
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a search");
    else
        result = fxi_elastic_refresh(e, e->names.rates, error);
    if (result == FXMON_DONE)
        result = fxi_elastic_http_send(e->http, "POST", path.data, body.data, body.length, ANSWER_MAXIMUM, &answer, error);
    if (result == FXMON_DONE && answer.status == 200)
        fxi_elastic_number(answer.body, answer.length, "hits.hits.0._source.offset", seen);
    else if (result == FXMON_DONE && answer.status != 404)
        result = fxi_elastic_refusal(&answer, "a search for the last offset", error);
    fxi_buf_free(&path);
    fxi_buf_free(&body);
    return result;
}

/* ---- the place ---- */

/* What is stored: *found, and place's offset, epoch, sequence number and birth. */
static fxmon_result read_place(fxi_elastic *e, fxi_elastic_place *place, bool *found, fxmon_error *error)
{
    fxi_elastic_answer a;
    fxmon_result result = fxi_elastic_get(e, e->names.progress, place->id, &a, found, error);
    place->next_offset = -1;
    place->sequence = -1;
    place->epoch = 0;
    memset(&place->birth, 0, sizeof place->birth);
    if (result != FXMON_DONE || !*found)
        return result;
    if (!fxi_elastic_number(a.body, a.length, "_source.next_offset", &place->next_offset) || !fxi_elastic_number(a.body, a.length, "_source.epoch", &place->epoch) ||
        !fxi_elastic_number(a.body, a.length, "_seq_no", &place->sequence) || !fxi_elastic_number(a.body, a.length, "_primary_term", &place->term)) {
        fxi_fail(error, FXMON_E_CORRUPT, "", "document %s of %.60s is no progress of fxmon", place->id, e->names.progress);
        return FXMON_FATAL;
    }
    if (fxi_elastic_text(a.body, a.length, "_source.index", place->birth.index, sizeof place->birth.index) < 0 ||
        fxi_elastic_text(a.body, a.length, "_source.uuid", place->birth.uuid, sizeof place->birth.uuid) < 0)
        memset(&place->birth, 0, sizeof place->birth);
    return FXMON_DONE;
}

static void put_place(fxi_elastic *e, const fxi_elastic_place *place, const fxmon_progress *progress, int64_t next_offset, int64_t epoch, fxi_buf *body)
{
    fxi_buf_puts(body, "{\"lane\":");
    fxi_buf_jsonz(body, progress->lane);
    fxi_buf_puts(body, ",\"stream\":");
    fxi_buf_jsonz(body, progress->stream);
    fxi_buf_printf(body, ",\"partition\":%d,\"next_offset\":%lld,\"epoch\":%lld,\"updated\":\"", (int)place->partition, (long long)next_offset, (long long)epoch);
    fxi_buf_time(body, e->env->now(e->env->user));
    fxi_buf_puts(body, "\",\"index\":");
    fxi_buf_jsonz(body, place->birth.index);
    fxi_buf_puts(body, ",\"uuid\":");
    fxi_buf_jsonz(body, place->birth.uuid);
    fxi_buf_putc(body, '}');
}

/* Compare-and-set. DONE with *stored false: somebody else changed it meanwhile, or it is gone. */
static fxmon_result write_place(fxi_elastic *e, fxi_elastic_place *place, const fxmon_progress *progress, int64_t next_offset, int64_t epoch, bool *stored,
                                fxmon_error *error)
{
    fxi_elastic_answer a;
    fxi_buf path, body;
    fxi_buf_init(&path, 512);
    fxi_buf_init(&body, 65536);
    *stored = false;
    if (place->sequence < 0)
        fxi_buf_printf(&path, "/%s/_create/%s", e->names.progress, place->id);
    else
        fxi_buf_printf(&path, "/%s/_doc/%s?if_seq_no=%lld&if_primary_term=%lld", e->names.progress, place->id, (long long)place->sequence, (long long)place->term);
    put_place(e, place, progress, next_offset, epoch, &body);
    fxmon_result result = FXMON_FATAL;
    if (path.failed || body.failed)
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for the progress");
    else
        result = fxi_elastic_http_send(e->http, "PUT", path.data, body.data, body.length, ANSWER_MAXIMUM, &a, error);
    fxi_buf_free(&path);
    fxi_buf_free(&body);
    if (result != FXMON_DONE || a.status == 409 || a.status == 404)
        return result;
    if (a.status != 200 && a.status != 201)
        return fxi_elastic_refusal(&a, "the progress", error);
    if (!fxi_elastic_number(a.body, a.length, "_seq_no", &place->sequence) || !fxi_elastic_number(a.body, a.length, "_primary_term", &place->term)) {
        fxi_fail(error, FXMON_E_MALFORMED, "", "the answer to a write of the progress could not be understood");
        return FXMON_RETRY;
    }
    place->next_offset = next_offset;
    place->epoch = epoch;
    *stored = true;
    return FXMON_DONE;
}

/* ---- the checkpoint ---- */

static void checkpoint_id(const fxi_elastic_place *place, char out[FXI_ELASTIC_KEY + 16])
{
    memcpy(out, place->id, FXI_ELASTIC_KEY - 1);
    memcpy(out + FXI_ELASTIC_KEY - 1, "-checkpoint", sizeof "-checkpoint");
}

static fxmon_result read_checkpoint(fxi_elastic *e, const fxi_elastic_place *place, fxmon_progress *progress, fxmon_error *error)
{
    fxi_elastic_answer a;
    bool found;
    int64_t offset;
    char id[FXI_ELASTIC_KEY + 16];
    checkpoint_id(place, id);
    fxmon_result result = fxi_elastic_get(e, e->names.progress, id, &a, &found, error);
    if (result != FXMON_DONE || !found || !fxi_elastic_number(a.body, a.length, "_source.checkpoint_offset", &offset) || offset > progress->next_offset)
        return result;
    char *text = fxi_alloc(a.length + 1);
    long length = text ? fxi_elastic_text(a.body, a.length, "_source.checkpoint", text, a.length + 1) : -1;
    length = length > 0 ? fxi_base64_take(text, (size_t)length, text) : -1;
    if (length <= 0) {
        fxi_free(text); /* none: the statistics are computed from the log again */
        return FXMON_DONE;
    }
    progress->checkpoint = text;
    progress->checkpoint_size = (size_t)length;
    progress->checkpoint_offset = offset;
    return FXMON_DONE;
}

static fxmon_result write_checkpoint(fxi_elastic *e, const fxi_elastic_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    fxi_elastic_answer a;
    fxi_buf path, body;
    char id[FXI_ELASTIC_KEY + 16];
    checkpoint_id(place, id);
    fxi_buf_init(&path, 512);
    fxi_buf_init(&body, CHECKPOINT_MAXIMUM);
    fxi_buf_printf(&path, "/%s/_doc/%s", e->names.progress, id);
    fxi_buf_printf(&body, "{\"checkpoint_offset\":%lld,\"checkpoint\":\"", (long long)progress->checkpoint_offset);
    fxi_base64_put(&body, progress->checkpoint, progress->checkpoint_size);
    fxi_buf_puts(&body, "\"}");
    fxmon_result result = FXMON_FATAL;
    if (path.failed || body.failed)
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a checkpoint of %lld bytes", (long long)progress->checkpoint_size);
    else
        result = fxi_elastic_http_send(e->http, "PUT", path.data, body.data, body.length, ANSWER_MAXIMUM, &a, error);
    if (result == FXMON_DONE && a.status != 200 && a.status != 201)
        result = fxi_elastic_refusal(&a, "a checkpoint", error);
    fxi_buf_free(&path);
    fxi_buf_free(&body);
    return result;
}

/* ---- for the sink ---- */

fxmon_result fxi_elastic_place_claim(fxi_elastic *e, fxi_elastic_place *place, fxmon_progress *progress, const char *log, fxmon_error *error)
{
    fxi_elastic_birth newest;
    bool found, born_again, stored;
    fxmon_result result = read_place(e, place, &found, error);
    if (result == FXMON_DONE)
        result = look_birth(e, &place->birth, &newest, &born_again, error);
    if (result != FXMON_DONE)
        return result;
    if (born_again) {
        fxi_log(e->env, FXMON_LOG_WARNING, "elasticsearch", "the documents of %s were deleted: they are written again from the log's first record", e->names.rates);
        place->next_offset = -1;
    }
    memcpy(&place->birth, &newest, sizeof newest);
    result = write_place(e, place, progress, place->next_offset, place->epoch + 1, &stored, error);
    if (result == FXMON_DONE && !stored) {
        fxi_fail(error, FXMON_E_BUSY, "", "another process claims partition %d at the same time", (int)place->partition);
        return FXMON_RETRY;
    }
    place->seen = -1;
    if (result == FXMON_DONE && e->streams)
        result = look_seen(e, log, place->partition, &place->seen, error);
    progress->next_offset = place->next_offset;
    progress->epoch = place->epoch;
    progress->checkpoint_offset = -1;
    progress->checkpoint = NULL;
    progress->checkpoint_size = 0;
    if (result == FXMON_DONE && place->next_offset >= 0)
        result = read_checkpoint(e, place, progress, error);
    return result;
}

static fxmon_result fenced(const fxi_elastic_place *place, const char *why, fxmon_error *error)
{
    fxi_fail(error, FXMON_E_FENCED, "", "%s partition %d", why, (int)place->partition);
    return FXMON_FENCED;
}

fxmon_result fxi_elastic_place_adopt(fxi_elastic *e, fxi_elastic_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    bool found;
    place->seen = -1;
    fxmon_result result = read_place(e, place, &found, error);
    if (result == FXMON_DONE && found && place->epoch > progress->epoch)
        return fenced(place, "another process took over", error);
    return result;
}

/* The documents may have been deleted while the lane was running: looked at with each checkpoint, and until the index is known. */
static fxmon_result check_birth(fxi_elastic *e, fxi_elastic_place *place, fxmon_error *error)
{
    fxi_elastic_birth newest;
    bool born_again;
    fxmon_result result = look_birth(e, &place->birth, &newest, &born_again, error);
    if (result != FXMON_DONE)
        return result;
    if (born_again)
        return fenced(place, "the documents were deleted, so the lane begins anew with", error);
    memcpy(&place->birth, &newest, sizeof newest);
    return FXMON_DONE;
}

fxmon_result fxi_elastic_place_check(fxi_elastic *e, fxi_elastic_place *place, fxmon_error *error)
{
    fxi_elastic_place stored = *place;
    bool found;
    fxmon_result result = check_birth(e, place, error);
    if (result == FXMON_DONE)
        result = read_place(e, &stored, &found, error);
    if (result == FXMON_DONE && place->sequence >= 0 && (!found || stored.epoch != place->epoch))
        return fenced(place, found ? "another process took over" : "the progress was deleted, so the lane begins anew with", error);
    return result;
}

fxmon_result fxi_elastic_place_save(fxi_elastic *e, fxi_elastic_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    bool stored = false, found;
    fxmon_result result = progress->checkpoint || !place->birth.index[0] ? check_birth(e, place, error) : FXMON_DONE;
    for (int attempt = 0; result == FXMON_DONE && !stored && attempt < 2; attempt++) {
        result = write_place(e, place, progress, progress->next_offset, progress->epoch, &stored, error);
        if (result != FXMON_DONE || stored)
            break;
        fxi_elastic_place now = *place; /* ours after all, when the answer to an earlier attempt was lost */
        result = read_place(e, &now, &found, error);
        if (result != FXMON_DONE)
            break;
        if (!found || now.epoch != progress->epoch)
            return fenced(place, found ? "another process took over" : "the progress was deleted, so the lane begins anew with", error);
        place->sequence = now.sequence;
        place->term = now.term;
        stored = now.next_offset == progress->next_offset;
    }
    if (result == FXMON_DONE && !stored) {
        fxi_fail(error, FXMON_E_BUSY, "", "the progress changes under this process");
        result = FXMON_RETRY;
    }
    FXI_CRASH("elasticsearch.placed");
    if (result == FXMON_DONE && progress->checkpoint)
        result = write_checkpoint(e, place, progress, error);
    return result;
}
