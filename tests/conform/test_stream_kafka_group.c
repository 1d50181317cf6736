/* Kafka: the members of a group, and a reader without one. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if FXI_WITH_RDKAFKA
#include "kafka_broker.inc"

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
    ck_assert_int_eq(told.cooperative, assignor[0] != 'r');
    ck_assert_int_gt(told.began, 0);
    int32_t generation = told.generation;
    b.reader = reader_open("g");
    turns_until(&a, &b, 2, 2, 800);
    ck_assert_int_eq(a.revoked, assignor[0] == 'r' ? 4 : 2);
    ck_assert(fxi_stream_kafka.member(a.reader, &told));
    if (assignor[0] != 'b') /* the epoch of a member that only gives moves on later */
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

START_TEST(members_share_with_range)
{
    join_and_leave("range");
}
END_TEST

/* Without a librdkafka that can, it is said. */
START_TEST(members_share_by_the_brokers)
{
    void *reader = NULL;
    fxmon_error error = {0};
    host.options = 0;
    test_host_set(&host, "assignor", "broker");
    test_host_set(&host, "member-id", "x");
    ck_assert_int_eq(fxi_stream_kafka.open_reader(&host.env, url, "g", &reader, &error), FXMON_FATAL);
    ck_assert_str_eq(error.field, "member-id");
    if (rd_kafka_version() >= 0x020c0000) {
        join_and_leave("broker");
        move_about("g", "broker");
        return;
    }
    topic_make("1");
    test_host_set(&host, "assignor", "broker");
    ck_assert_int_eq(fxi_stream_kafka.open_reader(&host.env, url, "g", &reader, &error), FXMON_FATAL);
    ck_assert_str_eq(error.field, "assignor");
    ck_assert_ptr_nonnull(strstr(error.text, "2.12"));
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
    bool idle = false, moved = false;
    for (int64_t until = now_ms() + 30000; !idle && now_ms() < until;) {
        member_turn(&a);
        ck_assert_int_eq(fxi_stream_kafka.read(second, &record, 1, &count, 20, &error), FXMON_DONE);
        if (count == 1) {
            ck_assert_int_eq(record.kind, FXMON_ASSIGNED);
            moved = record.partition == 0;
            idle = !moved;
        }
        idle = idle || (moved && a.assigned == 2 && owned(&a) == 0);
    }
    ck_assert(idle);
    fxi_stream_kafka.close_reader(second);
    fxi_stream_kafka.close_reader(a.reader);
}
END_TEST

/* A stranger under the name of a member: that member's handle is dead for good. As the name is the member's own by a lock, it joins anew. */
START_TEST(a_member_that_was_thrown_out_joins_anew)
{
    char name[128], text[200];
    fxmon_error error = {0};
    fxmon_member told;
    topic_make("2");
    host.options = 0;
    test_host_set(&host, "topic-partitions", "2");
    setenv("XDG_STATE_HOME", folder, 1);
    memset(next, 0, sizeof next);
    void *writer = writer_open();
    ck_assert_int_eq(write_numbers(writer, 0, 100, "a", &error), FXMON_DONE);
    member a = {.reader = reader_open("thrown")};
    turns_until(&a, NULL, 2, 0, 100);
    ck_assert(fxi_stream_kafka.member(a.reader, &told));
    size_t length = strlen(told.id);
    ck_assert_int_gt(length, 37); /* NAME-UUID */
    snprintf(name, sizeof name, "%.*s", (int)(length - 37), told.id);
    ck_assert_msg(strncmp(name, "fxmon-", 6) == 0, "%s", told.id);

    const char *settings[] = {"bootstrap.servers", servers, "group.id", "thrown", "group.instance.id", name, "session.timeout.ms", "6000"};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i += 2)
        ck_assert_int_eq(rd_kafka_conf_set(conf, settings[i], settings[i + 1], text, sizeof text), RD_KAFKA_CONF_OK);
    rd_kafka_t *stranger = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    ck_assert(stranger != NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(rd_kafka_subscribe(stranger, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    for (int64_t until = now_ms() + 30000; a.lost < 2;) {
        ck_assert_msg(now_ms() < until, "nobody was thrown out: lost %d", a.lost);
        rd_kafka_message_t *m = rd_kafka_consumer_poll(stranger, 10);
        if (m)
            rd_kafka_message_destroy(m);
        member_turn(&a);
    }
    rd_kafka_destroy_flags(stranger, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    ck_assert_int_eq(write_numbers(writer, 100, 200, "a", &error), FXMON_DONE);
    turns_until(&a, NULL, 2, 0, 200);
    ck_assert_int_eq(a.assigned, 4);
    fxi_stream_kafka.close_reader(a.reader);
    fxi_stream_kafka.close_writer(writer);
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

START_TEST(places_change_in_quick_succession)
{
    move_about("g", "range");
    move_about("g", "cooperative-sticky");
    move_about(NULL, "range");
}
END_TEST

static void add_all(TCase *tests)
{
    tcase_add_test(tests, members_share_with_range);
    tcase_add_test(tests, members_share_with_cooperative_sticky);
    tcase_add_test(tests, members_share_by_the_brokers);
    tcase_add_test(tests, a_member_too_many_is_told_so);
    tcase_add_test(tests, a_member_that_was_thrown_out_joins_anew);
    tcase_add_test(tests, without_a_group_all_partitions_are_read);
    tcase_add_test(tests, places_change_in_quick_succession);
}

int main(void)
{
    return kafka_run("stream_kafka_group", add_all);
}
#else
int main(void)
{
    printf("built without librdkafka\n");
    return 77;
}
#endif
