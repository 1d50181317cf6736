/*
 * source/provider_site.c - from the text of --from to a request's URL.
 *
 * Any provider name can be pointed at another host (NAME:URL), because people self-host them, put proxies in front of them, and
 * test against a server of their own. Plain http is taken only for this machine, or where the URL itself says insecure=yes: a key
 * or a price must not cross a network in the open because of a mistyped scheme.
 */
#include "source/provider_site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/value.h"

#define KEY_MAXIMUM 512

static const char *const site_settings[] = {"format", "source", "insecure", NULL};

/* ---- keys ---------------------------------------------------------------------------------------------------------------------- */

static int key_take(const char *text, size_t length, const char *field, char **key, fxmon_error *error)
{
    while (length && (text[length - 1] == '\n' || text[length - 1] == '\r' || text[length - 1] == ' '))
        length--;
    bool clean = length > 0 && length <= KEY_MAXIMUM;
    for (size_t i = 0; clean && i < length; i++)
        clean = text[i] > ' ' && text[i] < 127;
    if (!clean)
        return fxi_fail(error, FXMON_E_CONFIG, field, "%s: a key is 1 to %d printable characters without spaces", field, KEY_MAXIMUM);
    *key = fxi_strndup(text, length);
    return *key ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, field, "out of memory");
}

static int key_from_file(const fxmon_env *env, const char *path, char **key, fxmon_error *error)
{
    char text[KEY_MAXIMUM + 64];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fxi_fail_errno(error, errno, "cannot open the key file", path);
    ssize_t got = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? read(fd, text, sizeof text) : -1;
    close(fd);
    if (got < 0)
        return fxi_fail(error, FXMON_E_IO, "api-key-file", "cannot read the key file %.120s: it must be a regular file", path);
    if (status.st_mode & 077)
        fxi_log(env, FXMON_LOG_WARNING, "source", "the key file %s can be read by others; chmod 600 it", path);
    const char *end = memchr(text, '\n', (size_t)got);
    int code = key_take(text, end ? (size_t)(end - text) : (size_t)got, "api-key-file", key, error);
    explicit_bzero(text, sizeof text);
    return code;
}

int fxi_provider_key_read(const fxmon_env *env, char **key, fxmon_error *error)
{
    *key = NULL;
    const char *text = fxi_env_text(env, "api-key", NULL);
    if (text && text[0])
        return key_take(text, strlen(text), "api-key", key, error);
    const char *path = fxi_env_text(env, "api-key-file", NULL);
    return path && path[0] ? key_from_file(env, path, key, error) : FXMON_OK;
}

void fxi_provider_key_free(char *key)
{
    if (key)
        explicit_bzero(key, strlen(key));
    fxi_free(key);
}

/* ---- sites ---------------------------------------------------------------------------------------------------------------------- */

static bool is_web(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

static bool is_loopback(const char *host)
{
    if (strncmp(host, "127.", 4) == 0) /* an address, not the name 127.somewhere.example */
        return host[strspn(host, "0123456789.")] == '\0';
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

/* NAME or NAME:URL: sets the provider and returns the rest; NULL when the text does not begin with a provider. */
static const char *site_named(fxi_provider_site *site, const char *text)
{
    char name[FXMON_SOURCE_TEXT];
    size_t length = strcspn(text, ":#");
    if (length >= sizeof name)
        return NULL;
    memcpy(name, text, length);
    name[length] = '\0';
    site->provider = fxi_provider_find(name);
    if (!site->provider)
        return NULL;
    return text + length + (text[length] == ':');
}

static int site_format(fxi_provider_site *site, const fxi_settings *settings, const fxi_url *url, fxmon_error *error)
{
    char format[FXI_SETTING_TEXT];
    const char *names[FXI_PROVIDER_NAMES];
    if (!fxi_settings_text(settings, "format", NULL, format, sizeof format)) {
        if (!site->provider)
            site->provider = fxi_provider_by_host(url->host, url->path);
        if (site->provider)
            return FXMON_OK;
        return fxi_fail(error, FXMON_E_CONFIG, "from", "%.80s is no provider that is known by its host: add #format=NAME, for example #format=frankfurter",
                        url->host);
    }
    const fxi_provider *named = fxi_provider_find(format);
    if (named) {
        site->provider = named;
        return FXMON_OK;
    }
    fxi_provider_names(names);
    const char *near = fxi_nearest(format, names);
    return fxi_fail(error, FXMON_E_OPTION, "format", "format \"%.60s\" is the name of no provider%s%s%s", format, near ? "; did you mean \"" : "",
                    near ? near : "", near ? "\"?" : "");
}

static int site_check_url(fxi_provider_site *site, const fxi_settings *settings, fxmon_error *error)
{
    fxi_url url;
    bool insecure = false;
    int code = fxi_url_parse(site->root, &url, error);
    if (code)
        return code;
    if (!url.host || !url.host[0]) {
        code = fxi_fail(error, FXMON_E_SYNTAX, "from", "the URL of a provider needs a host");
        goto out;
    }
    code = site_format(site, settings, &url, error);
    if (!code)
        code = fxi_settings_bool(settings, "insecure", NULL, &insecure, error);
    if (code)
        goto out;
    site->plain = strcmp(url.scheme, "http") == 0;
    if (site->plain && !is_loopback(url.host) && !insecure) {
        code = fxi_fail(error, FXMON_E_CONFIG, "from", "http://%.80s is not encrypted: use https, or add #insecure=yes if you mean it", url.host);
        goto out;
    }
    site->whole = (url.path[0] && strcmp(url.path, "/") != 0) || url.query;
    const char *host = strstr(site->provider->url, "://") + 3;
    site->own = strlen(url.host) == strcspn(host, "/") && strncmp(url.host, host, strlen(url.host)) == 0;
    if (url.port >= 0)
        snprintf(site->shown, sizeof site->shown, "%s://%.90s:%d", url.scheme, url.host, url.port);
    else
        snprintf(site->shown, sizeof site->shown, "%s://%.90s", url.scheme, url.host);
out:
    fxi_url_free(&url);
    return code;
}

/* Without its key exchangerate-api has an open endpoint; the others have none. */
static int site_without_key(fxi_provider_site *site, const fxmon_env *env, fxmon_error *error)
{
    if (strcmp(site->provider->name, "exchangerate-api") != 0)
        return fxi_fail(error, FXMON_E_BAD_KEY, "api-key", "%s needs a key: set --api-key-file FILE or FXMON_API_KEY", site->provider->name);
    site->provider = fxi_provider_find("open-er-api");
    fxi_log(env, FXMON_LOG_INFO, "source", "no key for exchangerate-api: its open endpoint open-er-api is used");
    return FXMON_OK;
}

int fxi_provider_site_parse(fxi_provider_site *site, const fxmon_env *env, const char *from, bool have_key, fxmon_error *error)
{
    fxi_settings settings = {.env = env, .driver = "from"};
    const char *fragment = strchr(from, '#');
    char query[FXI_SETTING_TEXT] = "";
    int code = FXMON_OK;
    memset(site, 0, sizeof *site);
    const char *rest = is_web(from) ? from : site_named(site, from);
    if (!rest || strlen(from) >= FXI_SITE_URL || (fragment && strlen(fragment) > sizeof query))
        return fxi_fail(error, FXMON_E_ARGUMENT, "from", "\"%.60s\" is neither the name of a provider nor an http or https URL", from);
    if (fragment) {
        memcpy(query, fragment + 1, strlen(fragment));
        settings.url.query = query;
        code = fxi_settings_check(&settings, site_settings, error);
    }
    size_t length = strcspn(rest, "#");
    bool unused;
    if (!code && !length)
        code = fxi_settings_bool(&settings, "insecure", NULL, &unused, error);
    if (!code && length) {
        site->root = fxi_strndup(rest, length);
        if (!site->root)
            code = fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
        else if (!is_web(site->root))
            code = fxi_fail(error, FXMON_E_SYNTAX, "from", "behind %s: comes an http or https URL, as in %s:https://rates.example", site->provider->name,
                            site->provider->name);
        else
            code = site_check_url(site, &settings, error);
    }
    if (!code && site->provider->key != FXI_KEY_NONE && !have_key && !site->whole)
        code = site_without_key(site, env, error);
    if (code) {
        fxi_provider_site_free(site);
        return code;
    }
    if (!site->root) {
        site->own = true;
        snprintf(site->shown, sizeof site->shown, "%s", site->provider->name);
    }
    const char *asked = site->whole ? site->root : site->provider->url;
    site->any_base = strstr(asked, "{base}") || strstr(asked, "{currency}");
    if (!fxi_settings_text(&settings, "source", NULL, site->source, sizeof site->source))
        snprintf(site->source, sizeof site->source, "%s", site->provider->name);
    return FXMON_OK;
}

void fxi_provider_site_free(fxi_provider_site *site)
{
    fxi_free(site->root);
    site->root = NULL;
}

/* ---- request URLs ------------------------------------------------------------------------------------------------------------------ */

static void url_escape(fxi_buf *out, const char *text, bool lower)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *text; text++) {
        char c = *text;
        if (lower && c >= 'A' && c <= 'Z')
            c = (char)(c + 'a' - 'A');
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c)) {
            fxi_buf_putc(out, c);
        } else {
            fxi_buf_putc(out, '%');
            fxi_buf_putc(out, hex[(unsigned char)c >> 4]);
            fxi_buf_putc(out, hex[(unsigned char)c & 15]);
        }
    }
}

static void url_fill(fxi_buf *out, const char *template, const char *base, const char *key, int64_t now)
{
    char date[FXMON_TIME_TEXT];
    fxmon_time_format(now, date);
    date[10] = '\0';
    for (const char *at = template; *at;) {
        if (strncmp(at, "{base}", 6) == 0)
            url_escape(out, base, false), at += 6;
        else if (strncmp(at, "{currency}", 10) == 0)
            url_escape(out, base, true), at += 10;
        else if (strncmp(at, "{key}", 5) == 0)
            url_escape(out, key ? key : "", false), at += 5;
        else if (strncmp(at, "{date}", 6) == 0)
            fxi_buf_puts(out, date), at += 6;
        else
            fxi_buf_putc(out, *at++);
    }
}

int fxi_provider_site_url(const fxi_provider_site *site, const char *base, const char *key, int64_t now, bool second, fxi_buf *out,
                          fxmon_error *error)
{
    fxi_buf_clear(out);
    if (site->whole) {
        url_fill(out, site->root, base, key, now);
    } else if (site->root) {
        const char *path = strstr(site->provider->url, "://") + 3;
        size_t length = strlen(site->root);
        while (length && site->root[length - 1] == '/')
            length--;
        fxi_buf_add(out, site->root, length);
        url_fill(out, path + strcspn(path, "/"), base, key, now);
    } else {
        url_fill(out, second && site->provider->second_url ? site->provider->second_url : site->provider->url, base, key, now);
    }
    if (out->failed)
        return fxi_fail(error, out->length >= FXI_SITE_URL / 2 ? FXMON_E_TOO_LARGE : FXMON_E_NOMEM, "from",
                        "the URL of the request does not fit into %d bytes or memory", FXI_SITE_URL);
    return FXMON_OK;
}
