/*
 * stream/kafka_link.c - what the connection to the brokers says.
 *
 * librdkafka reconnects by itself and for ever. What it says goes to the log at level debug, and into one text that explains a RETRY; what no reconnecting cures (a
 * wrong password, a name that another process took) is told apart here.
 */
#include <string.h>

#include "base/error.h"
#include "stream/kafka.h"

#define LOOK_MS 500

static void logged(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    fxi_kafka_link *link = rd_kafka_opaque(rk);
    (void)level;
    fxi_log(link->env, FXMON_LOG_DEBUG, "kafka", "%s: %s", facility, text);
}

void fxi_kafka_link_error(fxi_kafka_link *link, int err, const char *text)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        if (!link->down && link->trouble.code == FXMON_OK) {
            fxi_fail(&link->trouble, FXMON_E_IO, "kafka", "%.180s", text);
        }
        link->down = true;
        return;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        fxi_fail(&link->fatal, FXMON_E_CREDENTIALS, "kafka-sasl-username", "the broker does not accept the credentials: %.160s", text);
        return;
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
        fxi_fail(&link->fatal, FXMON_E_CONFIG, "kafka-sasl-mechanism", "kafka-sasl-mechanism: %.180s", text);
        return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        fxi_fail(&link->fatal, FXMON_E_CREDENTIALS, "kafka", "the broker does not allow it: %.180s", text);
        return;
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        if (link->own_name) {
            link->renew = true;
            return;
        }
        fxi_fail(&link->fatal, FXMON_E_CONFIG, "member-id", "member-id: another process joined the group under the same name: %.140s", text);
        return;
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
        fxi_fail(&link->fatal, FXMON_E_CONFIG, "session-timeout",
                 "session-timeout: the broker allows another range (its group.min.session.timeout.ms and group.max.session.timeout.ms)");
        return;
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        fxi_fail(&link->fatal, FXMON_E_CONFIG, "assignor", "assignor: the other members of the group use another one, or the group is of another kind of program");
        return;
    default:
        fxi_fail(&link->trouble, FXMON_E_IO, "kafka", "%.180s", text);
        return;
    }
}

static void failed(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    fxi_kafka_link *link = opaque;
    char text[200] = "";
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        err = rd_kafka_fatal_error(rk, text, sizeof text);
    }
    fxi_kafka_link_error(link, err, text[0] ? text : reason);
}

void fxi_kafka_link_callbacks(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_log_cb(conf, logged);
    rd_kafka_conf_set_error_cb(conf, failed);
}

bool fxi_kafka_link_back(fxi_kafka_link *link, rd_kafka_t *rk)
{
    const struct rd_kafka_metadata *metadata;
    if (!link->down) {
        return true;
    }
    rd_kafka_topic_t *none = NULL;
    if (rd_kafka_metadata(rk, 0, none, &metadata, LOOK_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    rd_kafka_metadata_destroy(metadata);
    link->down = false;
    fxi_error_clear(&link->trouble);
    return true;
}
