/*
 * stream/kafka_conf.c - how librdkafka is set up.
 *
 * Ours first, then what the options say, then the properties given by name, which may change everything but what the promises rest on: where offsets are kept, what happens
 * when records are gone, and when a record counts as acknowledged. Those are refused with the reason instead of being taken and overridden.
 */
#include <string.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "stream/kafka.h"

#define PROPERTY_MAXIMUM 4096
#define MAX_RECORD ((int64_t)1024 * 1024)
#define HEARTBEAT_MS 500 /* librdkafka looks about once a second whether one is due: a second itself would often be missed by a hair */
#define BROKER_GROUPS 0x020c0000 /* version of librdkafka from which on brokers may run a group */
#define SESSION_TIMEOUT (6 * FXMON_SECOND) /* what brokers allow at least, unless told otherwise */

int64_t fxi_kafka_max_record(const fxmon_env *env)
{
    int64_t value = fxi_env_size(env, "max-record", MAX_RECORD);
    return value > 0 ? value : MAX_RECORD;
}

int64_t fxi_kafka_now(const fxmon_env *env)
{
    return env && env->monotonic ? env->monotonic(env->user) : fxi_clock_monotonic();
}

bool fxi_kafka_by_brokers(const fxmon_env *env)
{
    return fxi_env_is(env, "assignor", "broker");
}

bool fxi_kafka_stopping(const fxmon_env *env)
{
    return env && env->stopping && env->stopping(env->user);
}

fxmon_result fxi_kafka_result(int code)
{
    return code == FXMON_OK ? FXMON_DONE : fxmon_retriable(code) ? FXMON_RETRY : FXMON_FATAL;
}

/* ---- properties by name ---- */

static const struct {
    const char *name, *why;
} forbidden[] = {
    {"acks", "a record counts as acknowledged when every replica in sync has it"},
    {"allow.auto.create.topics", "fxmon-produce creates the topic, with its partitions and retention"},
    {"auto.commit.enable", "the offset is kept with the rows that it belongs to"},
    {"auto.offset.reset", "records that are gone are never skipped in silence; see the option on-gap"},
    {"bootstrap.servers", "the URL names the brokers"},
    {"delivery.report.only.error", "reports are counted"},
    {"delivery.timeout.ms", "a record that is not acknowledged stays queued, or it would be written twice"},
    {"enable.auto.commit", "the offset is kept with the rows that it belongs to"},
    {"enable.auto.offset.store", "the offset is kept with the rows that it belongs to"},
    {"enable.idempotence", "without it a retry writes records twice"},
    {"group.id", "use the option group"},
    {"group.protocol", "use the option assignor"},
    {"group.instance.id", "use the option member-id"},
    {"isolation.level", "records of transactions that did not commit are no records"},
    {"log.queue", "messages of the library go to the log of the program"},
    {"message.timeout.ms", "a record that is not acknowledged stays queued, or it would be written twice"},
    {"metadata.broker.list", "the URL names the brokers"},
    {"partition.assignment.strategy", "use the option assignor"},
    {"partitioner", "a key must go to the same partition from every program"},
    {"request.required.acks", "a record counts as acknowledged when every replica in sync has it"},
    {"sasl.mechanism", "use the option kafka-sasl-mechanism"},
    {"sasl.mechanisms", "use the option kafka-sasl-mechanism"},
    {"sasl.password", "use the option kafka-sasl-password"},
    {"sasl.username", "use the option kafka-sasl-username"},
    {"security.protocol", "use the option kafka-security-protocol"},
    {"session.timeout.ms", "use the option session-timeout"},
    {"ssl.ca.location", "use the option kafka-ca-file"},
    {"transactional.id", "the log is written without transactions"},
};

const char *fxi_kafka_forbidden(const char *property)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        if (strcmp(forbidden[i].name, property) == 0) {
            return forbidden[i].why;
        }
    }
    return NULL;
}

bool fxi_kafka_secret(const char *property)
{
    return strstr(property, "password") || strstr(property, "secret") || strstr(property, ".pem") || strcmp(property, "sasl.oauthbearer.config") == 0;
}

/* librdkafka's own words are in its errors; of a secret only its name is said. */
static int set(rd_kafka_conf_t *conf, const char *option, const char *name, const char *value, fxmon_error *error)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) {
        return FXMON_OK;
    }
    return fxi_fail(error, FXMON_E_CONFIG, option, "%s: %.180s", option, fxi_kafka_secret(name) ? "librdkafka does not take the value" : text);
}

static int set_number(rd_kafka_conf_t *conf, const char *option, const char *name, int64_t value, fxmon_error *error)
{
    char text[24], *p = text + sizeof text;
    *--p = '\0';
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return set(conf, option, name, p, error);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* One line NAME=VALUE in a buffer that may be written to. */
static int set_line(rd_kafka_conf_t *conf, char *line, fxmon_error *error)
{
    while (blank(*line)) {
        line++;
    }
    size_t length = strlen(line);
    while (length > 0 && blank(line[length - 1])) {
        line[--length] = '\0';
    }
    char *equals = strchr(line, '=');
    if (*line == '\0') {
        return FXMON_OK;
    }
    if (!equals || equals == line) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "kafka: \"%.60s\": expected NAME=VALUE, as in linger.ms=20", equals ? "=..." : line);
    }
    char *end = equals, *value = equals + 1;
    while (end > line && blank(end[-1])) {
        end--;
    }
    *end = '\0';
    while (blank(*value)) {
        value++;
    }
    const char *why = fxi_kafka_forbidden(line);
    if (why) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "kafka: %.60s cannot be set: %s", line, why);
    }
    return set(conf, "kafka", line, value, error);
}

static int set_lines(rd_kafka_conf_t *conf, const char *lines, fxmon_error *error)
{
    int code = FXMON_OK;
    while (lines && *lines && code == FXMON_OK) {
        size_t length = strcspn(lines, "\n");
        char *line = length < PROPERTY_MAXIMUM ? fxi_strndup(lines, length) : NULL;
        if (!line) {
            return length < PROPERTY_MAXIMUM ? fxi_fail(error, FXMON_E_NOMEM, "kafka", "out of memory")
                                             : fxi_fail(error, FXMON_E_TOO_LARGE, "kafka", "kafka: a property of more than %d bytes", PROPERTY_MAXIMUM);
        }
        code = set_line(conf, line, error);
        explicit_bzero(line, length);
        fxi_free(line);
        lines += length;
        lines += *lines == '\n';
    }
    return code;
}

/* ---- reader and writer ---- */

static int set_security(rd_kafka_conf_t *conf, const fxmon_env *env, fxmon_error *error)
{
    static const struct {
        const char *option, *property;
    } rows[] = {{"kafka-security-protocol", "security.protocol"}, {"kafka-sasl-mechanism", "sasl.mechanisms"}, {"kafka-sasl-username", "sasl.username"},
                {"kafka-sasl-password", "sasl.password"},         {"kafka-ca-file", "ssl.ca.location"}};
    const char *protocol = fxi_env_text(env, "kafka-security-protocol", NULL), *user = fxi_env_text(env, "kafka-sasl-username", NULL);
    if (user && (!protocol || strncmp(protocol, "sasl_", 5) != 0)) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka-security-protocol",
                        "kafka-security-protocol: kafka-sasl-username is set, so sasl_ssl (or sasl_plaintext, which shows the password to the network) is needed");
    }
    int code = FXMON_OK;
    if (user && !fxi_env_text(env, "kafka-sasl-mechanism", NULL)) {
        code = set(conf, "kafka-sasl-mechanism", "sasl.mechanisms", "PLAIN", error);
    }
    for (size_t i = 0; code == FXMON_OK && i < sizeof rows / sizeof rows[0]; i++) {
        const char *value = fxi_env_text(env, rows[i].option, NULL);
        if (value) {
            code = set(conf, rows[i].option, rows[i].property, value, error);
        }
    }
    return code;
}

typedef struct setting {
    const char *name, *value;
} setting;

static rd_kafka_conf_t *begin(const fxmon_env *env, const fxi_kafka_place *place, const setting *settings, fxmon_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int code = set(conf, "kafka", "bootstrap.servers", place->servers, error);
    for (; code == FXMON_OK && settings->name; settings++) {
        code = set(conf, "kafka", settings->name, settings->value, error);
    }
    if (code == FXMON_OK) {
        code = set_security(conf, env, error);
    }
    if (code != FXMON_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

static rd_kafka_conf_t *end(rd_kafka_conf_t *conf, const fxmon_env *env, int code, fxmon_error *error)
{
    if (code == FXMON_OK) {
        code = set_lines(conf, fxi_env_text(env, "kafka", NULL), error);
    }
    if (code == FXMON_OK) {
        return conf;
    }
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* With "broker" the group is run by the brokers: who gets what, how often members say that they are there, and how long they may be silent is their business. */
static int set_membership(rd_kafka_conf_t *conf, const fxmon_env *env, fxmon_error *error)
{
    if (fxi_kafka_by_brokers(env)) {
        if (rd_kafka_version() < BROKER_GROUPS) {
            return fxi_fail(error, FXMON_E_CONFIG, "assignor", "assignor: broker needs librdkafka 2.12 or newer; this one is %.20s", rd_kafka_version_str());
        }
        return set(conf, "assignor", "group.protocol", "consumer", error);
    }
    int64_t session = fxi_env_duration(env, "session-timeout", SESSION_TIMEOUT) / 1000000;
    int64_t heartbeat = session / 3 < HEARTBEAT_MS ? session / 3 : HEARTBEAT_MS; /* as soon as this a member hears that another one has come */
    int code = set(conf, "assignor", "partition.assignment.strategy", fxi_env_text(env, "assignor", "range"), error);
    if (code == FXMON_OK) {
        code = set_number(conf, "session-timeout", "session.timeout.ms", session, error);
    }
    return code == FXMON_OK ? set_number(conf, "session-timeout", "heartbeat.interval.ms", heartbeat, error) : code;
}

rd_kafka_conf_t *fxi_kafka_reader_conf(const fxmon_env *env, const fxi_kafka_place *place, const char *group, const char *member_id, fxmon_error *error)
{
    static const setting settings[] = {
        {"client.id", "fxmon"},
        {"log.queue", "true"},
        {"socket.keepalive.enable", "true"},
        {"reconnect.backoff.max.ms", "1000"},
        {"topic.metadata.refresh.interval.ms", "5000"}, /* a topic that appears, or grows, is seen within this time */
        {"allow.auto.create.topics", "false"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"isolation.level", "read_committed"},
        {"check.crcs", "true"},
        {"fetch.wait.max.ms", "100"}, /* other questions on the same connection wait behind a fetch */
        /* Memory, beside what the lane holds. A small record costs several times its own size in the queue, which kbytes does not count */
        {"queued.max.messages.kbytes", "8192"},
        {"queued.min.messages", "5000"},
        {"fetch.message.max.bytes", "262144"}, /* an answer of the broker; a longer record comes all the same, alone */
        {NULL, NULL}};
    rd_kafka_conf_t *conf = begin(env, place, settings, error);
    if (!conf) {
        return NULL;
    }
    int code = set(conf, "group", "group.id", group ? group : "fxmon", error); /* without a group nothing is joined: librdkafka wants a name all the same */
    if (code == FXMON_OK && group) {
        code = set_membership(conf, env, error);
    }
    if (code == FXMON_OK && group && member_id && *member_id) {
        code = set(conf, "member-id", "group.instance.id", member_id, error);
    }
    return end(conf, env, code, error);
}

rd_kafka_conf_t *fxi_kafka_writer_conf(const fxmon_env *env, const fxi_kafka_place *place, fxmon_error *error)
{
    static const setting settings[] = {
        {"client.id", "fxmon"},
        {"log.queue", "true"},
        {"socket.keepalive.enable", "true"},
        {"reconnect.backoff.max.ms", "1000"},
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"compression.codec", "lz4"},
        {"batch.size", "16384"},
        {"linger.ms", "5"},
        {"message.timeout.ms", "0"}, /* never: what is not acknowledged stays queued, see kafka_writer.c */
        {"queue.buffering.max.kbytes", "65536"},
        {"partitioner", "murmur2_random"}, /* as the Java client: a key goes where every other program puts it */
        {NULL, NULL}};
    rd_kafka_conf_t *conf = begin(env, place, settings, error);
    if (!conf) {
        return NULL;
    }
    int code = set_number(conf, "max-record", "message.max.bytes", fxi_kafka_max_record(env) + 65536, error);
    return end(conf, env, code, error);
}
