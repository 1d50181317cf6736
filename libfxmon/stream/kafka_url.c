/* stream/kafka_url.c - kafka://host:port[,host:port...]/topic. Taken apart here and not by base/url.h, which knows one host, and whose decoding a topic does not need. */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "stream/kafka.h"

#define SCHEME "kafka://"
#define DEFAULT_PORT "9092"
#define SERVERS_MAXIMUM 4096
#define TOPIC_MAXIMUM 249 /* Kafka's own */

static bool host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool topic_character(char c)
{
    return host_character(c); /* the same set */
}

/* "host", "host:9092", "[::1]:9092" of `length`; with its port into out. */
static int add_server(fxi_buf *out, const char *text, size_t length, fxmon_error *error)
{
    size_t host = 0;
    if (length > 0 && *text == '[') {
        const char *close = memchr(text, ']', length);
        host = close ? (size_t)(close - text) + 1 : 0;
        for (size_t i = 1; i + 1 < host; i++) {
            host = strchr("0123456789abcdefABCDEF:.%", text[i]) || host_character(text[i]) ? host : 0;
        }
    } else {
        while (host < length && host_character(text[host])) {
            host++;
        }
    }
    int64_t port = 0;
    if (host == 0 || (host < length && text[host] != ':') ||
        (host < length && (fxi_integer_parse(text + host + 1, length - host - 1, &port) != FXMON_OK || port < 1 || port > 65535))) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "\"%.*s\" is no broker: expected host:port, several separated by commas",
                        (int)(length < 60 ? length : 60), text);
    }
    if (out->length > 0) {
        fxi_buf_putc(out, ',');
    }
    fxi_buf_add(out, text, length);
    if (host == length) {
        fxi_buf_puts(out, ":" DEFAULT_PORT);
    }
    return FXMON_OK;
}

static int add_servers(fxi_buf *out, const char *text, size_t length, fxmon_error *error)
{
    if (memchr(text, '@', length)) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "a user of Kafka is named by kafka-sasl-username and kafka-sasl-password, not in the URL");
    }
    for (size_t at = 0; at <= length;) {
        const char *comma = memchr(text + at, ',', length - at);
        size_t end = comma ? (size_t)(comma - text) : length;
        int code = add_server(out, text + at, end - at, error);
        if (code != FXMON_OK) {
            return code;
        }
        at = end + 1;
    }
    return out->failed ? fxi_fail(error, FXMON_E_TOO_LARGE, "kafka", "the list of brokers is longer than %d bytes", SERVERS_MAXIMUM) : FXMON_OK;
}

static int check_topic(const char *topic, fxmon_error *error)
{
    size_t length = strlen(topic), good = 0;
    while (good < length && topic_character(topic[good])) {
        good++;
    }
    if (length == 0) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "the URL names no topic: expected kafka://host:port/topic");
    }
    if (good < length || length > TOPIC_MAXIMUM || strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "\"%.80s\" is no topic: expected letters, digits, '.', '_' and '-', at most %d", topic, TOPIC_MAXIMUM);
    }
    return FXMON_OK;
}

int fxi_kafka_place_parse(const char *url, fxi_kafka_place *out, fxmon_error *error)
{
    *out = (fxi_kafka_place){NULL, NULL};
    if (strncmp(url, SCHEME, strlen(SCHEME)) != 0) {
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "expected kafka://host:port[,host:port...]/topic");
    }
    const char *authority = url + strlen(SCHEME);
    size_t length = strcspn(authority, "/?#");
    const char *topic = authority[length] == '/' ? authority + length + 1 : "";
    fxi_buf servers;
    fxi_buf_init(&servers, SERVERS_MAXIMUM);
    int code = add_servers(&servers, authority, length, error);
    if (code == FXMON_OK) {
        code = check_topic(topic, error);
    }
    if (code == FXMON_OK) {
        out->servers = fxi_buf_take(&servers);
        out->topic = fxi_strdup(topic);
        if (!out->servers || !out->topic) {
            code = fxi_fail(error, FXMON_E_NOMEM, "kafka", "out of memory");
            fxi_kafka_place_free(out);
        }
    }
    fxi_buf_free(&servers);
    return code;
}

void fxi_kafka_place_free(fxi_kafka_place *place)
{
    fxi_free(place->servers);
    fxi_free(place->topic);
    *place = (fxi_kafka_place){NULL, NULL};
}
