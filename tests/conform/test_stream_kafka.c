/* The conformance suite of streams for Kafka, and what is its own: gaps, topics and brokers that go and come back. All on a real broker of tests/servers/kafka. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if FXI_WITH_RDKAFKA
#include "kafka_broker.inc"

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

static const char *kafka_make(void)
{
    return url;
}

static void kafka_stop_writing(void)
{
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static const bool kafka_replays = true, kafka_lines = false;
#define kafka_ops fxi_stream_kafka
#define STREAM(name) kafka_##name
#include "stream.inc"
#undef STREAM

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

/* Records "N" for N in [0, count), of which `before` were given earlier. */
static size_t give_ahead(void *writer, size_t before, size_t count)
{
    static char text[100][16];
    fxmon_blob blobs[100];
    for (size_t i = 0; i < count; i++) {
        snprintf(text[i], sizeof text[i], "%zu", i);
        blobs[i] = (fxmon_blob){.data = text[i], .length = strlen(text[i])};
    }
    return fxi_stream_kafka.ahead(writer, blobs, before, count);
}

/* The records "0" to "count" in order and nothing else. */
static void expect_numbers(int count)
{
    fxmon_error error = {0};
    fxmon_record record;
    int64_t first, end;
    void *reader = reader_open(NULL);
    ready(reader);
    ck_assert_int_eq(fxi_stream_kafka.seek(reader, 0, 0, &error), FXMON_DONE);
    for (int seen = 0; seen < count; seen++) {
        ck_assert_int_eq(next_thing(reader, &record, &error), FXMON_DONE);
        ck_assert_int_eq(record.kind, FXMON_RECORD);
        ck_assert_int_eq(atoi(record.data), seen);
    }
    ck_assert_int_eq(fxi_stream_kafka.bounds(reader, 0, &first, &end, &error), FXMON_DONE);
    ck_assert_int_eq(end, count);
    fxi_stream_kafka.close_reader(reader);
}

START_TEST(what_is_sent_ahead_is_written_once)
{
    fxmon_error error = {0};
    void *writer = writer_open();
    ck_assert_uint_eq(give_ahead(writer, 0, 10), 10);
    ck_assert_uint_eq(give_ahead(writer, 10, 20), 20);
    ck_assert_uint_eq(give_ahead(writer, 5, 30), 5); /* not what it had: nothing is taken */
    ck_assert_int_eq(write_numbers(writer, 0, 25, NULL, &error), FXMON_DONE);
    expect_numbers(25);
    ck_assert_uint_eq(give_ahead(writer, 25, 30), 25); /* of a batch that has had none yet */
    ck_assert_int_eq(write_numbers(writer, 25, 40, NULL, &error), FXMON_DONE);
    expect_numbers(40);
    fxi_stream_kafka.close_writer(writer);
}
END_TEST

START_TEST(what_was_sent_ahead_of_a_broker_that_went_is_written_once)
{
    fxmon_error error = {0};
    void *writer = writer_open();
    ck_assert_uint_eq(give_ahead(writer, 0, 10), 10);
    ck_assert_int_eq(server("kill", ""), 0);
    ck_assert_uint_eq(give_ahead(writer, 10, 20), 20);
    ck_assert_int_eq(write_numbers(writer, 0, 30, NULL, &error), FXMON_RETRY);
    ck_assert_int_eq(server("again", ""), 0);
    fxmon_result result = FXMON_RETRY;
    for (int64_t until = now_ms() + 20000; result == FXMON_RETRY && now_ms() < until;)
        result = write_numbers(writer, 0, 30, NULL, &error);
    ck_assert_msg(result == FXMON_DONE, "%s", error.text);
    expect_numbers(30);
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

static void add_all(TCase *tests)
{
    kafka_add(tests);
    tcase_add_test(tests, gaps_are_exact);
    tcase_add_test(tests, a_topic_made_anew_stops_the_reader);
    tcase_add_test(tests, a_missing_topic_is_waited_for);
    tcase_add_test(tests, until_the_end_of_no_topic_is_an_error);
    tcase_add_test(tests, keys_go_where_java_puts_them);
    tcase_add_test(tests, what_is_wrong_is_said);
    tcase_add_test(tests, what_is_sent_ahead_is_written_once);
    tcase_add_test(tests, what_was_sent_ahead_of_a_broker_that_went_is_written_once);
    tcase_add_test(tests, a_broker_that_comes_back_finds_each_record_once);
}

int main(void)
{
    return kafka_run("stream_kafka", add_all);
}
#else
int main(void)
{
    printf("built without librdkafka\n");
    return 77;
}
#endif
