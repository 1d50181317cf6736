/*
 * lane/notify_log.c - alert events into a file log, as --notify file:DIR: the log's writer under the notifier's table.
 *
 * It lies here because drivers do not know each other. Records are the events as JSON; readers of that log are what readers of any log are.
 */
#include <fxmon/plugin.h>

extern const fxmon_notify_ops fxi_notify_file;
extern const fxmon_stream_ops fxi_stream_file;

static fxmon_result log_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    fxmon_blob record = {.key = event->pair.text, .data = json, .length = length};
    return fxi_stream_file.append(state, &record, 1, error);
}

static fxmon_result log_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    return fxi_stream_file.open_writer(env, url, state, error);
}

static void log_close(void *state)
{
    fxi_stream_file.close_writer(state);
}

const fxmon_notify_ops fxi_notify_file = {
    .size = sizeof(fxmon_notify_ops),
    .schemes = "file",
    .open = log_open,
    .send = log_send,
    .close = log_close,
};
