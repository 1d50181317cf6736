/*
 * kafka_loop.c - bare librdkafka, for measurements: what the client can do without fxmon.
 *
 *   kafka_loop create BROKERS TOPIC PARTITIONS
 *   kafka_loop produce BROKERS TOPIC PARTITION KEY FILE [NAME=VALUE...]   every line of FILE is a message; PARTITION -1: by key. Prints messages and seconds
 *
 * The loop is that of librdkafka's own rdkafka_performance: produce with a copy of the message, serve reports now and then, poll when the queue is full, flush. The file
 * is in memory before the clock starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_MS 120000
#define ADMIN_MS 30000

typedef struct reports {
    long delivered, failed;
} reports;

static void report(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *user)
{
    reports *r = user;
    (void)kafka;
    r->delivered += !message->err;
    r->failed += message->err != 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return 0;
    fprintf(stderr, "kafka_loop: %s\n", text);
    return 1;
}

static rd_kafka_t *open_kafka(const char *brokers, char **settings, int count, reports *r)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int wrong = set(conf, "bootstrap.servers", brokers);
    for (int i = 0; i < count && !wrong; i++) {
        char *equals = strchr(settings[i], '=');
        if (!equals) {
            fprintf(stderr, "kafka_loop: %s: expected NAME=VALUE\n", settings[i]);
            wrong = 1;
            continue;
        }
        *equals = '\0';
        wrong = set(conf, settings[i], equals + 1);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, report);
    rd_kafka_conf_set_opaque(conf, r);
    rd_kafka_t *kafka = wrong ? NULL : rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!kafka)
        fprintf(stderr, "kafka_loop: %s\n", wrong ? "wrong settings" : text);
    return kafka;
}

static int create(rd_kafka_t *kafka, const char *topic, int partitions)
{
    char text[256];
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, -1, text, sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    if (!wanted)
        return fprintf(stderr, "kafka_loop: %s\n", text), 1;
    rd_kafka_CreateTopics(kafka, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_MS);
    const rd_kafka_CreateTopics_result_t *result = event ? rd_kafka_event_CreateTopics_result(event) : NULL;
    size_t count = 0;
    const rd_kafka_topic_result_t **topics = result ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    int wrong = count != 1 || (rd_kafka_topic_result_error(topics[0]) && rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
    if (wrong)
        fprintf(stderr, "kafka_loop: cannot create %s: %s\n", topic, count == 1 ? rd_kafka_topic_result_error_string(topics[0]) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
    return wrong;
}

static int produce(rd_kafka_t *kafka, reports *r, const char *topic, int partition, const char *key, const char *text, size_t length)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(kafka, topic, NULL);
    long sent = 0;
    double begin = now();
    for (const char *p = text, *end = text + length, *line; t && p < end; p = line + 1) {
        line = memchr(p, '\n', (size_t)(end - p));
        line = line ? line : end;
        while (rd_kafka_produce(t, partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)p, (size_t)(line - p), key, strlen(key), NULL) != 0) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                return fprintf(stderr, "kafka_loop: %s\n", rd_kafka_err2str(rd_kafka_last_error())), 1;
            rd_kafka_poll(kafka, 10);
        }
        if (++sent % 1000 == 0)
            rd_kafka_poll(kafka, 0);
    }
    rd_kafka_flush(kafka, FLUSH_MS);
    double seconds = now() - begin;
    if (t)
        rd_kafka_topic_destroy(t);
    if (!t || r->delivered != sent || r->failed > 0)
        return fprintf(stderr, "kafka_loop: %ld sent, %ld delivered, %ld failed\n", sent, r->delivered, r->failed), 1;
    printf("%ld %.6f\n", sent, seconds);
    return 0;
}

static const char *map_file(const char *name, size_t *length)
{
    struct stat status;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    void *text = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0) {
        *length = (size_t)status.st_size;
        text = mmap(NULL, *length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    }
    if (text == MAP_FAILED)
        fprintf(stderr, "kafka_loop: cannot read %s: %s\n", name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return text == MAP_FAILED ? NULL : text;
}

int main(int argc, char **argv)
{
    reports r = {0, 0};
    int status = 2;
    if (argc == 5 && strcmp(argv[1], "create") == 0) {
        rd_kafka_t *kafka = open_kafka(argv[2], NULL, 0, &r);
        status = kafka ? create(kafka, argv[3], (int)strtol(argv[4], NULL, 10)) : 1;
        if (kafka)
            rd_kafka_destroy(kafka);
    } else if (argc >= 7 && strcmp(argv[1], "produce") == 0) {
        size_t length = 0;
        const char *text = map_file(argv[6], &length);
        rd_kafka_t *kafka = text ? open_kafka(argv[2], argv + 7, argc - 7, &r) : NULL;
        status = kafka ? produce(kafka, &r, argv[3], (int)strtol(argv[4], NULL, 10), argv[5], text, length) : 1;
        if (kafka)
            rd_kafka_destroy(kafka);
    } else {
        fprintf(stderr, "usage: kafka_loop create BROKERS TOPIC PARTITIONS | produce BROKERS TOPIC PARTITION KEY FILE [NAME=VALUE...]\n");
    }
    return status;
}
