/*
 * stream/kafka.c - a Kafka topic as a stream: "kafka://host:port[,host:port...]/topic", by librdkafka.
 *
 * What it is made of: kafka_url.c and kafka_conf.c say what to connect to and how, kafka_link.c what the connection says, kafka_reader.c hands out records, kafka_group.c
 * is the member of a consumer group, kafka_member.c its name, kafka_writer.c, kafka_pending.c and kafka_topic.c append.
 */
#include "stream/kafka.h"

extern const fxmon_stream_ops fxi_stream_kafka;

const fxmon_stream_ops fxi_stream_kafka = {
    .size = sizeof(fxmon_stream_ops),
    .schemes = "kafka",
    .open_reader = fxi_kafka_open_reader,
    .identity = fxi_kafka_identity,
    .read = fxi_kafka_read,
    .seek = fxi_kafka_seek,
    .pause = fxi_kafka_pause,
    .bounds = fxi_kafka_bounds,
    .committed = fxi_kafka_committed,
    .pollfd = fxi_kafka_pollfd,
    .close_reader = fxi_kafka_close_reader,
    .release = fxi_kafka_release,
    .member = fxi_kafka_member_told,
    .open_writer = fxi_kafka_open_writer,
    .append = fxi_kafka_append,
    .ahead = fxi_kafka_ahead,
    .close_writer = fxi_kafka_close_writer,
};
