/* sink/redis.h - settings and connection, shared by the sink (redis.c, redis_place.c) and the destination of alert events (redis_alerts.c). */
#ifndef FXI_REDIS_H
#define FXI_REDIS_H
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include <fxmon/plugin.h>

#define FXI_REDIS_NAME 256

typedef struct fxi_redis_settings {
    char *host, *socket;       /* one of them */
    int port, database;
    char *user, *password;     /* may be NULL */
    char shown[FXI_REDIS_NAME]; /* for error texts: host:port or the socket's path */
} fxi_redis_settings;
/** redis://[user:password@]host[:port][/db] or unix:/path[?db=N]; a password also by the option redis-password. */
int fxi_redis_settings_read(fxi_redis_settings *settings, const fxmon_env *env, const char *url, fxmon_error *error);
void fxi_redis_settings_free(fxi_redis_settings *settings);
/** An integer option, or what stands for it where the host has no such option. */

/** One connection. Every call of the driver begins with fxi_redis_link_begin, which sets the time that all its waits share. */
typedef struct fxi_redis_link {
    const fxmon_env *env;
    fxi_redis_settings settings;
    redisContext *context;     /* NULL: not connected */
    bool fresh;                /* connected by this call */
    int64_t until;             /* monotonic */
    fxi_buf out;
} fxi_redis_link;
/** Connected, logged in and on its database when it answers DONE. Leaves `out` empty. */
fxmon_result fxi_redis_link_begin(fxi_redis_link *link, fxmon_error *error);
/** Send what is in `out` and empty it. */
fxmon_result fxi_redis_link_send(fxi_redis_link *link, fxmon_error *error);
/** The next reply, for freeReplyObject. An error reply is a reply. */
fxmon_result fxi_redis_link_reply(fxi_redis_link *link, redisReply **reply, fxmon_error *error);
void fxi_redis_link_close(fxi_redis_link *link);
/** What an error reply means: RETRY or FATAL, and the error. `what` names the command or key it was about. */
fxmon_result fxi_redis_refusal(fxi_redis_link *link, const redisReply *reply, const char *what, fxmon_error *error);
/**
 * MULTI ... EXEC around `count` commands in `out`. DONE: all were executed; *reply is the answer of EXEC, for freeReplyObject. WAIT: none was, because a
 * watched key had changed. RETRY: whether they were is not known. FATAL: one was refused.
 */
fxmon_result fxi_redis_link_transact(fxi_redis_link *link, fxi_buf *commands, size_t count, redisReply **reply, fxmon_error *error);
#endif
