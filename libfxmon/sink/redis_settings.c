/* sink/redis_settings.c - where Redis is, from the URL and the option redis-password. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/value.h"
#include "sink/redis.h"

#define DEFAULT_PORT 6379
#define DATABASE_MAXIMUM 1000000
#define PASSWORD_MAXIMUM 1024
#define URL_MAXIMUM 8192

void fxi_redis_settings_free(fxi_redis_settings *s)
{
    fxi_free(s->host);
    fxi_free(s->socket);
    fxi_free(s->user);
    if (s->password) {
        explicit_bzero(s->password, strlen(s->password));
    }
    fxi_free(s->password);
    memset(s, 0, sizeof *s);
}

static bool known_parameter(void *user, const char *name, const char *value)
{
    (void)value;
    if (strcmp(name, "db") == 0) {
        return true;
    }
    fxi_fail(user, FXMON_E_OPTION, name, "a Redis URL has no parameter '%.40s', only db", name);
    return false;
}

static int read_database(fxi_redis_settings *s, const fxi_url *url, fxmon_error *error)
{
    char text[32] = "";
    int64_t number = 0;
    if (url->query && !fxi_url_each_param(url, known_parameter, error)) {
        return FXMON_E_OPTION;
    }
    const char *path = s->socket ? "" : url->path[0] == '/' ? url->path + 1 : url->path;
    size_t length = strlen(path);
    if (fxi_url_param(url, "db", text, sizeof text)) {
        path = text;
        length = strlen(text);
    } else if (url->query && strstr(url->query, "db=")) {
        return fxi_fail(error, FXMON_E_RANGE, "db", "db= in a Redis URL: expected the number of a database");
    }
    if (length > 0 && (fxi_integer_parse(path, length, &number) != FXMON_OK || number < 0 || number > DATABASE_MAXIMUM)) {
        return fxi_fail(error, FXMON_E_RANGE, "db", "\"%.40s\" is no database of Redis: expected a number, as in redis://host/0", path);
    }
    s->database = (int)number;
    return FXMON_OK;
}

static int read_address(fxi_redis_settings *s, const fxi_url *url, fxmon_error *error)
{
    struct sockaddr_un address;
    fxi_buf shown;
    if (strcmp(url->scheme, "rediss") == 0) {
        return fxi_fail(error, FXMON_E_UNSUPPORTED, "redis", "rediss: built without TLS for Redis; connect through stunnel or a TLS proxy, with redis://");
    }
    if (strcmp(url->scheme, "unix") == 0) {
        char path[sizeof address.sun_path];
        long length = fxi_percent_decode(url->path, strlen(url->path), path, sizeof path);
        if (length <= 0 || path[0] != '/' || (url->host && *url->host)) {
            return fxi_fail(error, FXMON_E_ARGUMENT, "redis", "expected unix:/path/of/the/socket, at most %d bytes long", (int)sizeof path - 1);
        }
        s->socket = fxi_strdup(path);
    } else {
        if (!url->host || !*url->host || strchr(url->host, ',')) {
            return fxi_fail(error, FXMON_E_ARGUMENT, "redis", "expected redis://host[:port][/database], with one host");
        }
        s->host = fxi_strdup(url->host);
        s->port = url->port > 0 ? url->port : DEFAULT_PORT;
    }
    if (!s->socket && !s->host) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
    }
    fxi_buf_init(&shown, sizeof s->shown);
    fxi_buf_puts(&shown, s->socket ? s->socket : s->host);
    if (!s->socket) {
        fxi_buf_printf(&shown, ":%d", s->port);
    }
    size_t length = shown.failed ? 0 : shown.length;
    memcpy(s->shown, length ? shown.data : "Redis", length ? length + 1 : sizeof "Redis");
    fxi_buf_free(&shown);
    return FXMON_OK;
}

static int password_from_file(fxi_redis_settings *s, const fxmon_env *env, const char *path, fxmon_error *error)
{
    char text[PASSWORD_MAXIMUM];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fxi_fail_errno(error, errno, "cannot open the password file", path);
    }
    ssize_t got = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? read(fd, text, sizeof text) : -1;
    close(fd);
    if (got < 0 || got == (ssize_t)sizeof text) {
        return fxi_fail(error, FXMON_E_CONFIG, "redis-password-file", "cannot use the password file %.120s: expected a regular file with one line", path);
    }
    if (status.st_mode & 077) {
        fxi_log(env, FXMON_LOG_WARNING, "redis", "the password file %s can be read by others; chmod 600 it", path);
    }
    const char *end = memchr(text, '\n', (size_t)got);
    size_t length = end ? (size_t)(end - text) : (size_t)got;
    length -= length > 0 && text[length - 1] == '\r';
    s->password = fxi_strndup(text, length);
    explicit_bzero(text, sizeof text);
    return s->password ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
}

static const char *option_of(const fxmon_env *env, const char *name)
{
    const char *text = fxi_env_text(env, name, NULL);
    return text && *text ? text : NULL;
}

/* The URL's own first, then the option, then the file. */
static int read_login(fxi_redis_settings *s, const fxmon_env *env, const fxi_url *url, fxmon_error *error)
{
    const char *file = option_of(env, "redis-password-file");
    const char *password = url->password && *url->password ? url->password : option_of(env, "redis-password");
    if ((url->user && *url->user && !(s->user = fxi_strdup(url->user))) || (password && !(s->password = fxi_strdup(password)))) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
    }
    int code = !s->password && file ? password_from_file(s, env, file, error) : FXMON_OK;
    if (code == FXMON_OK && s->user && !s->password) {
        code = fxi_fail(error, FXMON_E_CONFIG, "redis-password", "a user of Redis without a password: set FXMON_REDIS_PASSWORD or --redis-password-file");
    }
    return code;
}

int fxi_redis_settings_read(fxi_redis_settings *s, const fxmon_env *env, const char *text, fxmon_error *error)
{
    fxi_url url;
    fxi_buf plain;
    memset(s, 0, sizeof *s);
    fxi_buf_init(&plain, URL_MAXIMUM);
    if (strncmp(text, "unix:///", 8) == 0) { /* as others write it: // with no host behind */
        fxi_buf_puts(&plain, "unix:");
        fxi_buf_puts(&plain, text + 7);
    }
    int code = plain.failed ? fxi_fail(error, FXMON_E_TOO_LARGE, "redis", "the URL is longer than %d bytes", URL_MAXIMUM)
                            : fxi_url_parse(plain.data ? plain.data : text, &url, error);
    fxi_buf_free(&plain);
    if (code != FXMON_OK) {
        return code;
    }
    code = read_address(s, &url, error);
    if (code == FXMON_OK) {
        code = read_database(s, &url, error);
    }
    if (code == FXMON_OK) {
        code = read_login(s, env, &url, error);
    }
    fxi_url_free(&url);
    if (code != FXMON_OK) {
        fxi_redis_settings_free(s);
    }
    return code;
}
