/*
 * stream/file.c - the file log as a stream: "file:DIR". What it is made of: writer.c and rotate.c append, reader.c and place.c read, folder.c and segment.c know the files.
 */
#include "stream/log.h"

extern const fxmon_stream_ops fxi_stream_file;

const fxmon_stream_ops fxi_stream_file = {
    .size = sizeof(fxmon_stream_ops),
    .schemes = "file",
    .open_reader = fxi_log_open_reader,
    .identity = fxi_log_identity,
    .read = fxi_log_read,
    .seek = fxi_log_seek,
    .pause = fxi_log_pause,
    .bounds = fxi_log_bounds,
    .pollfd = fxi_log_pollfd,
    .close_reader = fxi_log_close_reader,
    .open_writer = fxi_log_open_writer,
    .append = fxi_log_append,
    .close_writer = fxi_log_close_writer,
    .lines = true,
};
