/* The conformance suite of streams for Kafka, and what is its own: a group of two, gaps, brokers that go and come back. All on a real broker of tests/servers/kafka. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if FXI_WITH_RDKAFKA
#include "base/random.h"
#include "stream/kafka.h"

extern const fxmon_stream_ops fxi_stream_kafka;

static test_host host;
static char folder[128], servers[128], topic[64], url[256];
static int topics;

static const char *top(void)
{
    const char *path = getenv("FXMON_TOP");
    return path ? path : ".";
}

/* tests/servers/kafka WORD FOLDER MORE */
static int server(const char *word, const char *more)
{
    char command[512], line[256];
    snprintf(command, sizeof command, "%s/tests/servers/kafka %s %s/server %s", top(), word, folder, more);
    FILE *said = popen(command, "r");
    while (said && fgets(line, sizeof line, said)) {
        if (strncmp(line, "KAFKA_BOOTSTRAP_SERVERS=", 24) == 0)
            snprintf(servers, sizeof servers, "%.*s", (int)strcspn(line + 24, "\n"), line + 24);
    }
    return said ? pclose(said) : -1;
}

static const char *kafka_make(void)
{
    return url;
}

static void kafka_stop_writing(void)
{
}

/* The topic of the test, with so many partitions; test processes are forked, so their numbers go into its name. */
static void topic_make(const char *partitions)
{
    snprintf(topic, sizeof topic, "t-%d-%d", (int)getpid(), topics++);
    snprintf(url, sizeof url, "kafka://%s/%s", servers, topic);
    host.options = 0;
    test_host_set(&host, "member-id", "none");
    test_host_set(&host, "topic-partitions", partitions);
}

static void setup(void)
{
    test_host_init(&host);
    topic_make("1");
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static const bool kafka_replays = true, kafka_lines = false;
#define kafka_ops fxi_stream_kafka
#define STREAM(name) kafka_##name
#include "stream.inc"
#undef STREAM

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static void *writer_open(void)
{
    void *writer = NULL;
    fxmon_error error = {0};
    ck_assert_msg(fxi_stream_kafka.open_writer(&host.env, url, &writer, &error) == FXMON_DONE, "%s", error.text);
    return writer;
}

static void *reader_open(const char *group)
{
    void *reader = NULL;
    fxmon_error error = {0};
    ck_assert_msg(fxi_stream_kafka.open_reader(&host.env, url, group, &reader, &error) == FXMON_DONE, "%s", error.text);
    return reader;
}

static int64_t now_ms(void)
{
    return fxi_kafka_now(&host.env) / 1000000;
}

/* Records "N" for N in [from, to), one append. */
static fxmon_result write_numbers(void *writer, int from, int to, const char *key, fxmon_error *error)
{
    int count = to - from;
    fxmon_blob *blobs = calloc((size_t)count, sizeof *blobs);
    char(*text)[16] = calloc((size_t)count, sizeof *text);
    for (int i = 0; i < count; i++) {
        snprintf(text[i], sizeof text[i], "%d", from + i);
        blobs[i] = (fxmon_blob){.key = key, .data = text[i], .length = strlen(text[i])};
    }
    fxmon_result result = fxi_stream_kafka.append(writer, blobs, (size_t)count, error);
    free(text);
    free(blobs);
    return result;
}

/* A member with what it owns and saw. It seeks each partition that it is given to `next`, which all members share, and counts there: what is read twice, or left out, shows. */
typedef struct member {
    void *reader;
    bool owns[16];
    int assigned, revoked, lost, records;
} member;

static int64_t next[16];

static void member_take(member *m, const fxmon_record *record)
{
    fxmon_error error;
    switch (record->kind) {
    case FXMON_ASSIGNED:
        m->assigned++;
        if (record->partition >= 0) {
            ck_assert(!m->owns[record->partition]);
            m->owns[record->partition] = true;
            ck_assert_int_eq(fxi_stream_kafka.seek(m->reader, record->partition, next[record->partition], &error), FXMON_DONE);
        }
        break;
    case FXMON_REVOKED:
        m->revoked++;
        ck_assert(m->owns[record->partition]);
        m->owns[record->partition] = false;
        fxi_stream_kafka.release(m->reader, record->partition);
        break;
    case FXMON_LOST:
        m->lost++;
        m->owns[record->partition] = false;
        break;
    default:
        ck_assert_int_eq(record->kind, FXMON_RECORD);
        ck_assert(m->owns[record->partition]);
        ck_assert_int_eq(record->offset, next[record->partition]);
        next[record->partition]++;
        m->records++;
    }
}

static void member_turn(member *m)
{
    fxmon_record records[64];
    fxmon_error error = {0};
    size_t count = 0;
    ck_assert_msg(fxi_stream_kafka.read(m->reader, records, 64, &count, 20, &error) == FXMON_DONE, "%s", error.text);
    for (size_t i = 0; i < count; i++)
        member_take(m, &records[i]);
}

static int owned(const member *m)
{
    int n = 0;
    for (int i = 0; i < 16; i++)
        n += m->owns[i];
    return n;
}

/* Turns of both until they own so many, and this many records were read together. */
static void turns_until(member *a, member *b, int of_a, int of_b, int records)
{
    int64_t until = now_ms() + 30000;
    while (owned(a) != of_a || (b && owned(b) != of_b) || a->records + (b ? b->records : 0) < records) {
        ck_assert_msg(now_ms() < until, "a has %d of %d, b %d of %d, records %d of %d", owned(a), of_a, b ? owned(b) : 0, of_b,
                      a->records + (b ? b->records : 0), records);
        member_turn(a);
        if (b)
            member_turn(b);
    }
    ck_assert_int_eq(a->records + (b ? b->records : 0), records);
}

static void ready(void *reader)
{
    fxmon_record record;
    fxmon_error error = {0};
    size_t count = 0;
    for (int i = 0; i < 100 && count == 0; i++)
        ck_assert_msg(fxi_stream_kafka.read(reader, &record, 1, &count, 100, &error) == FXMON_DONE, "%s", error.text);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(record.kind, FXMON_ASSIGNED);
    ck_assert_int_eq(record.partition, 0);
}

/* ---- a group ------------------------------------------------------------------------------------------------------- */

static void join_and_leave(const char *assignor)
{
    fxmon_error error = {0};
    fxmon_member told;
    topic_make("4");
    test_host_set(&host, "assignor", assignor);
    memset(next, 0, sizeof next);
    void *writer = writer_open();
    const char *keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (int k = 0; k < 8; k++)
        ck_assert_int_eq(write_numbers(writer, k * 100, k * 100 + 100, keys[k], &error), FXMON_DONE);
    member a = {.reader = reader_open("g")}, b = {NULL};
    turns_until(&a, NULL, 4, 0, 800);
    ck_assert(fxi_stream_kafka.member(a.reader, &told));
    ck_assert_str_ne(told.id, "");
    ck_assert_int_ge(told.generation, 1);
    ck_assert_int_eq(told.cooperative, assignor[0] == 'c');
    ck_assert_int_gt(told.began, 0);
    int32_t generation = told.generation;
    b.reader = reader_open("g");
    turns_until(&a, &b, 2, 2, 800);
    ck_assert_int_eq(a.revoked, assignor[0] == 'c' ? 2 : 4);
    ck_assert(fxi_stream_kafka.member(a.reader, &told));
    ck_assert_int_gt(told.generation, generation);
    for (int k = 0; k < 8; k++)
        ck_assert_int_eq(write_numbers(writer, k * 100, k * 100 + 100, keys[k], &error), FXMON_DONE);
    turns_until(&a, &b, 2, 2, 1600);
    fxi_stream_kafka.close_reader(b.reader);
    for (int i = 0; i < 16; i++)
        b.owns[i] = false;
    turns_until(&a, NULL, 4, 0, 1600 - b.records);
    ck_assert_int_eq(a.lost + b.lost, 0);
    fxi_stream_kafka.close_reader(a.reader);
    fxi_stream_kafka.close_writer(writer);
}

START_TEST(members_share_with_range)
{
    join_and_leave("range");
}
END_TEST

START_TEST(members_share_with_cooperative_sticky)
{
    join_and_leave("cooperative-sticky");
}
END_TEST

START_TEST(a_member_too_many_is_told_so)
{
    fxmon_record record;
    fxmon_error error = {0};
    size_t count = 0;
    fxi_stream_kafka.close_writer(writer_open());
    memset(next, 0, sizeof next);
    member a = {.reader = reader_open("g")};
    turns_until(&a, NULL, 1, 0, 0);
    void *second = reader_open("g");
    /* one of the two has nothing, and hears it */
    bool idle = false;
    for (int64_t until = now_ms() + 30000; !idle && now_ms() < until;) {
        member_turn(&a);
        ck_assert_int_eq(fxi_stream_kafka.read(second, &record, 1, &count, 20, &error), FXMON_DONE);
        if (count == 1 && record.partition == 0) {
            ck_assert_int_eq(record.kind, FXMON_ASSIGNED);
            idle = a.assigned == 2 && owned(&a) == 0;
        } else if (count == 1) {
            ck_assert_int_eq(record.kind, FXMON_ASSIGNED);
            ck_assert_int_eq(record.partition, -1);
            idle = true;
        }
    }
    ck_assert(idle);
    fxi_stream_kafka.close_reader(second);
    fxi_stream_kafka.close_reader(a.reader);
}
END_TEST

START_TEST(without_a_group_all_partitions_are_read)
{
    fxmon_error error = {0};
    fxmon_member told;
    topic_make("3");
    memset(next, 0, sizeof next);
    void *writer = writer_open();
    for (int k = 0; k < 8; k++)
        ck_assert_int_eq(write_numbers(writer, 0, 10, (const char *[]){"a", "b", "c", "d", "e", "f", "g", "h"}[k], &error), FXMON_DONE);
    member a = {.reader = reader_open(NULL)}, b = {.reader = reader_open(NULL)};
    turns_until(&a, NULL, 3, 0, 80);
    ck_assert(!fxi_stream_kafka.member(a.reader, &told));
    memset(next, 0, sizeof next);
    turns_until(&b, NULL, 3, 0, 80); /* each reads all of it */
    fxi_stream_kafka.close_reader(a.reader);
    fxi_stream_kafka.close_reader(b.reader);
    fxi_stream_kafka.close_writer(writer);
}
END_TEST

/* Places and pauses changed in quick succession: each record that comes is the next one of its partition. */
static void move_about(const char *group, const char *assignor)
{
    fxmon_error error = {0};
    fxmon_record record;
    size_t count;
    fxi_random random;
    topic_make("4");
    test_host_set(&host, "assignor", assignor);
    memset(next, 0, sizeof next);
    void *writer = writer_open();
    for (int k = 0; k < 8; k++)
        ck_assert_int_eq(write_numbers(writer, 0, 100, (const char *[]){"a", "b", "c", "d", "e", "f", "g", "h"}[k], &error), FXMON_DONE);
    member a = {.reader = reader_open(group)};
    turns_until(&a, NULL, 4, 0, 800);
    int64_t end[4], position[4];
    memcpy(end, next, sizeof end);
    memcpy(position, next, sizeof position);
    bool paused[4] = {false};
    fxi_random_seed(&random, 7);
    for (int turn = 0; turn < 2000; turn++) {
        int p = (int)fxi_random_below(&random, 4);
        switch (fxi_random_below(&random, 4)) {
        case 0:
            position[p] = (int64_t)fxi_random_below(&random, (uint64_t)end[p] + 1);
            ck_assert_int_eq(fxi_stream_kafka.seek(a.reader, p, position[p], &error), FXMON_DONE);
            break;
        case 1:
            paused[p] = !paused[p];
            ck_assert_int_eq(fxi_stream_kafka.pause(a.reader, p, paused[p]), FXMON_DONE);
            break;
        default:
            ck_assert_msg(fxi_stream_kafka.read(a.reader, &record, 1, &count, turn % 16 ? 0 : 5, &error) == FXMON_DONE, "%s", error.text);
            if (count == 1) {
                ck_assert_int_eq(record.kind, FXMON_RECORD);
                ck_assert(!paused[record.partition]);
                ck_assert_int_eq(record.offset, position[record.partition]);
                position[record.partition]++;
            }
        }
    }
    for (int p = 0; p < 4; p++)
        fxi_stream_kafka.pause(a.reader, p, false);
    for (int64_t until = now_ms() + 20000; memcmp(position, end, sizeof end) != 0;) {
        ck_assert_msg(now_ms() < until, "seed 7: stuck");
        ck_assert_int_eq(fxi_stream_kafka.read(a.reader, &record, 1, &count, 100, &error), FXMON_DONE);
        if (count == 1)
            ck_assert_int_eq(record.offset, position[record.partition]++);
    }
    fxi_stream_kafka.close_reader(a.reader);
    fxi_stream_kafka.close_writer(writer);
}

START_TEST(places_change_in_quick_succession)
{
    move_about("g", "range");
    move_about("g", "cooperative-sticky");
    move_about(NULL, "range");
}
END_TEST

/* ---- what is lost, and what was another log ------------------------------------------------------------------------------- */

/* The records of partition 0 before `offset` are deleted, as retention does. */
static void delete_records(int64_t offset)
{
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    rd_kafka_DeleteRecords_t *wish = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &wish, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 15000);
    ck_assert_ptr_nonnull(event);
    ck_assert_int_eq(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(wish);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

static void delete_topic(void)
{
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopic_t *wish = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(rk, &wish, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 15000);
    ck_assert_ptr_nonnull(event);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(wish);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

/* The next thing that is no empty read, within 20 s. */
static fxmon_result next_thing(void *reader, fxmon_record *record, fxmon_error *error)
{
    size_t count = 0;
    fxmon_result result = FXMON_DONE;
    for (int64_t until = now_ms() + 20000; count == 0 && (result == FXMON_DONE || result == FXMON_RETRY) && now_ms() < until;)
        result = fxi_stream_kafka.read(reader, record, 1, &count, 200, error);
    ck_assert(count == 1 || result != FXMON_DONE);
    return result;
}

START_TEST(gaps_are_exact)
{
    fxmon_record record;
    fxmon_error error = {0};
    void *writer = writer_open();
    ck_assert_int_eq(write_numbers(writer, 0, 100, NULL, &error), FXMON_DONE);
    void *reader = reader_open("g");
    ready(reader);
    delete_records(40);
    ck_assert_int_eq(fxi_stream_kafka.seek(reader, 0, 7, &error), FXMON_DONE);
    ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_DONE);
    ck_assert_int_eq(record.kind, FXMON_GAP);
    ck_assert_int_eq(record.from, 7);
    ck_assert_int_eq(record.offset, 40);
    size_t count;
    for (int i = 0; i < 3; i++) { /* nothing is read until the lane says where */
        ck_assert_int_eq(fxi_stream_kafka.read(reader, &record, 1, &count, 200, &error), FXMON_DONE);
        ck_assert_int_eq(count, 0);
    }
    ck_assert_int_eq(fxi_stream_kafka.seek(reader, 0, 40, &error), FXMON_DONE);
    ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_DONE);
    ck_assert_int_eq(record.kind, FXMON_RECORD);
    ck_assert_int_eq(record.offset, 40);
    int64_t first, end;
    ck_assert_int_eq(fxi_stream_kafka.bounds(reader, 0, &first, &end, &error), FXMON_DONE);
    ck_assert_int_eq(first, 40);
    ck_assert_int_eq(end, 100);
    fxi_stream_kafka.close_reader(reader);
    fxi_stream_kafka.close_writer(writer);
}
END_TEST

START_TEST(a_topic_made_anew_stops_the_reader)
{
    fxmon_record record;
    fxmon_error error = {0};
    void *writer = writer_open();
    ck_assert_int_eq(write_numbers(writer, 0, 100, NULL, &error), FXMON_DONE);
    fxi_stream_kafka.close_writer(writer);
    delete_topic();
    for (int64_t until = now_ms() + 20000;;) { /* deletion takes a moment */
        fxmon_result result = fxi_stream_kafka.open_writer(&host.env, url, &writer, &error);
        if (result == FXMON_DONE && write_numbers(writer, 0, 10, NULL, &error) == FXMON_DONE)
            break;
        if (result == FXMON_DONE)
            fxi_stream_kafka.close_writer(writer);
        ck_assert_msg(now_ms() < until, "%s", error.text);
    }
    void *reader = reader_open("g");
    ready(reader);
    ck_assert_int_eq(fxi_stream_kafka.seek(reader, 0, 100, &error), FXMON_DONE); /* where the lane stood in the old one */
    ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_GAP);
    ck_assert_ptr_nonnull(strstr(error.text, "ends at 10, but was read up to 100"));
    fxi_stream_kafka.close_reader(reader);
    fxi_stream_kafka.close_writer(writer);
}
END_TEST

START_TEST(a_missing_topic_is_waited_for)
{
    fxmon_record record;
    fxmon_error error = {0};
    size_t count = 1;
    void *reader = reader_open("g");
    for (int64_t until = now_ms() + 20000; !strstr(host.log, "there is no topic") && now_ms() < until;) {
        ck_assert_int_eq(fxi_stream_kafka.read(reader, &record, 1, &count, 100, &error), FXMON_DONE);
        ck_assert(count == 0 || record.partition == -1);
    }
    ck_assert_ptr_nonnull(strstr(host.log, "there is no topic"));
    void *writer = writer_open();
    ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_DONE);
    ck_assert_int_eq(record.kind, FXMON_ASSIGNED);
    ck_assert_int_eq(record.partition, 0);
    fxi_stream_kafka.close_reader(reader);
    fxi_stream_kafka.close_writer(writer);
}
END_TEST

START_TEST(until_the_end_of_no_topic_is_an_error)
{
    fxmon_record record;
    fxmon_error error = {0};
    test_host_set(&host, "until-end", "yes");
    void *reader = reader_open(NULL);
    ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_FATAL);
    ck_assert_ptr_nonnull(strstr(error.text, "there is no topic"));
    fxi_stream_kafka.close_reader(reader);
}
END_TEST

/* ---- brokers that go ------------------------------------------------------------------------------------------------------- */

START_TEST(a_broker_that_comes_back_finds_each_record_once)
{
    fxmon_record record;
    fxmon_error error = {0};
    void *writer = writer_open(), *reader = reader_open("g");
    ready(reader);
    ck_assert_int_eq(fxi_stream_kafka.seek(reader, 0, 0, &error), FXMON_DONE);
    ck_assert_int_eq(write_numbers(writer, 0, 10, NULL, &error), FXMON_DONE);
    ck_assert_int_eq(server("kill", ""), 0);
    int64_t began = now_ms();
    ck_assert_int_eq(write_numbers(writer, 10, 20, NULL, &error), FXMON_RETRY);
    ck_assert_int_lt(now_ms() - began, 5000);
    ck_assert_ptr_nonnull(strstr(error.text, "not acknowledged"));
    ck_assert_int_eq(write_numbers(writer, 10, 25, NULL, &error), FXMON_RETRY); /* the same, and more of them */
    size_t count;
    fxmon_result result = FXMON_DONE;
    int seen = 0;
    for (int64_t until = now_ms() + 15000; result == FXMON_DONE && now_ms() < until; seen += (int)count) {
        result = fxi_stream_kafka.read(reader, &record, 1, &count, 100, &error);
        ck_assert(count == 0 || record.offset == seen);
    }
    ck_assert_int_eq(result, FXMON_RETRY);
    ck_assert_ptr_nonnull(strstr(error.text, "no broker of"));
    ck_assert_int_eq(server("again", ""), 0);
    result = FXMON_RETRY;
    for (int64_t until = now_ms() + 20000; result == FXMON_RETRY && now_ms() < until;)
        result = write_numbers(writer, 10, 25, NULL, &error);
    ck_assert_msg(result == FXMON_DONE, "%s", error.text);
    for (int64_t until = now_ms() + 20000; seen < 25 && now_ms() < until;) {
        result = fxi_stream_kafka.read(reader, &record, 1, &count, 100, &error);
        ck_assert(result == FXMON_DONE || result == FXMON_RETRY);
        if (count == 1 && record.kind == FXMON_RECORD) {
            char text[16];
            snprintf(text, sizeof text, "%d", seen);
            ck_assert_int_eq(record.offset, seen);
            ck_assert_int_eq(record.length, strlen(text));
            ck_assert_int_eq(memcmp(record.data, text, strlen(text)), 0);
            seen++;
        } else if (count == 1 && record.kind == FXMON_ASSIGNED) { /* the group began anew */
            ck_assert_int_eq(fxi_stream_kafka.seek(reader, 0, seen, &error), FXMON_DONE);
        }
    }
    ck_assert_int_eq(seen, 25);
    int64_t first, end;
    ck_assert_int_eq(fxi_stream_kafka.bounds(reader, 0, &first, &end, &error), FXMON_DONE);
    ck_assert_int_eq(end, 25); /* none twice */
    fxi_stream_kafka.close_reader(reader);
    fxi_stream_kafka.close_writer(writer);
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
    void *state;
    fxmon_error error = {0};
    int64_t began = now_ms();
    ck_assert_int_eq(fxi_stream_kafka.open_writer(&host.env, "kafka://127.0.0.1:1/t", &state, &error), FXMON_RETRY);
    ck_assert_int_lt(now_ms() - began, 5000);
    ck_assert_ptr_null(state);
    ck_assert_ptr_nonnull(strstr(error.text, "refused"));
    test_host_set(&host, "topic-replication", "3");
    ck_assert_int_eq(fxi_stream_kafka.open_writer(&host.env, url, &state, &error), FXMON_FATAL);
    ck_assert_str_eq(error.field, "topic-replication");
    void *reader;
    topic_make("1");
    fxi_stream_kafka.close_writer(writer_open());
    test_host_set(&host, "session-timeout", "2s");
    ck_assert_int_eq(fxi_stream_kafka.open_reader(&host.env, url, "g", &reader, &error), FXMON_DONE);
    fxmon_record record;
    ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_FATAL);
    ck_assert_str_eq(error.field, "session-timeout");
    fxi_stream_kafka.close_reader(reader);
}
END_TEST

START_TEST(keys_go_where_java_puts_them)
{
    /* murmur2 of these keys, from the Java client's own tests; the partition is its positive part modulo the number of partitions */
    static const char *const keys[] = {"21", "foobar", "a-little-bit-long-string", "abc"};
    static const uint32_t hash[] = {(uint32_t)-973932308, (uint32_t)-790332482, (uint32_t)-985981536, 479470107};
    fxmon_error error = {0};
    topic_make("4");
    void *writer = writer_open();
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(write_numbers(writer, i, i + 1, keys[i], &error), FXMON_DONE);
    memset(next, 0, sizeof next);
    void *reader = reader_open(NULL);
    fxmon_record record;
    for (int seen = 0; seen < 4;) {
        ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_DONE);
        if (record.kind == FXMON_ASSIGNED) {
            ck_assert_int_eq(fxi_stream_kafka.seek(reader, record.partition, 0, &error), FXMON_DONE);
            continue;
        }
        ck_assert_int_eq(record.partition, (hash[record.data[0] - '0'] & 0x7fffffff) % 4);
        seen++;
    }
    fxi_stream_kafka.close_reader(reader);
    fxi_stream_kafka.close_writer(writer);
}
END_TEST

int main(void)
{
    char owner[32];
    const char *temporary = getenv("TMPDIR");
    snprintf(owner, sizeof owner, "%d", (int)getpid());
    setenv("FXMON_SERVER_OWNER", owner, 1);
    snprintf(folder, sizeof folder, "%s/kafka.XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    if (server("start", "") != 0) {
        printf("no Kafka: tests/servers/kafka cannot start one\n");
        test_folder_remove(folder);
        return 77;
    }
    TCase *tests = tcase_create("kafka");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, NULL);
    kafka_add(tests);
    tcase_add_test(tests, members_share_with_range);
    tcase_add_test(tests, members_share_with_cooperative_sticky);
    tcase_add_test(tests, a_member_too_many_is_told_so);
    tcase_add_test(tests, without_a_group_all_partitions_are_read);
    tcase_add_test(tests, places_change_in_quick_succession);
    tcase_add_test(tests, gaps_are_exact);
    tcase_add_test(tests, a_topic_made_anew_stops_the_reader);
    tcase_add_test(tests, a_missing_topic_is_waited_for);
    tcase_add_test(tests, until_the_end_of_no_topic_is_an_error);
    tcase_add_test(tests, keys_go_where_java_puts_them);
    tcase_add_test(tests, what_is_wrong_is_said);
    tcase_add_test(tests, a_broker_that_comes_back_finds_each_record_once);
    int status = support_run("stream_kafka", tests);
    server("stop", "");
    test_folder_remove(folder);
    return status;
}
#else
int main(void)
{
    printf("built without librdkafka\n");
    return 77;
}
#endif
