/*
 * lane/registry.c - see registry.h. A scheme is what stands before the first ':' of a URL, or the whole of a bare word such as "ecb" or "-".
 */
#include "lane/registry.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/value.h"

#define SCHEME_TEXT 64
#define SCHEMES_MAXIMUM 128 /* known schemes of one kind, for the nearest name */

static const char *const kind_name[FXI_KINDS] = {"source", "log", "store", "sink", "notifier"};

static bool scheme_of(const char *url, char out[SCHEME_TEXT])
{
    size_t length = strcspn(url, ":");
    if (length == 0 || length >= SCHEME_TEXT)
        return false;
    for (size_t i = 0; i < length; i++)
        out[i] = url[i] >= 'A' && url[i] <= 'Z' ? (char)(url[i] - 'A' + 'a') : url[i];
    out[length] = '\0';
    return true;
}

void fxi_registry_free(fxi_registry *registry)
{
    for (int kind = 0; kind < FXI_KINDS; kind++)
        fxi_free(registry->drivers[kind]);
    memset(registry, 0, sizeof *registry);
}

/* Position over all drivers of a kind: the host's, then the built-in ones. */
static const fxi_driver *driver_at(const fxi_registry *registry, enum fxi_kind kind, size_t index)
{
    size_t own = registry ? registry->count[kind] : 0;
    return index < own ? registry->drivers[kind][index] : fxi_builtin_at(kind, index - own);
}

static const fxi_driver *find_scheme(const fxi_registry *registry, enum fxi_kind kind, const char *scheme)
{
    const fxi_driver *driver;
    for (size_t i = 0; (driver = driver_at(registry, kind, i)) != NULL; i++)
        if (fxi_scheme_in(driver->schemes, scheme))
            return driver;
    return NULL;
}

int fxi_registry_add(fxi_registry *registry, enum fxi_kind kind, const void *ops, fxmon_error *error)
{
    const fxi_driver *driver = ops;
    if (!driver || driver->size < sizeof *driver || !driver->schemes || !*driver->schemes)
        return fxi_fail(error, FXMON_E_ARGUMENT, "ops", "a %s driver needs size and schemes", kind_name[kind]);
    for (const char *word = driver->schemes; *word;) {
        char scheme[SCHEME_TEXT];
        size_t length = strcspn(word, " ");
        if (length >= sizeof scheme)
            return fxi_fail(error, FXMON_E_ARGUMENT, "schemes", "a scheme has at most %d characters", SCHEME_TEXT - 1);
        memcpy(scheme, word, length);
        scheme[length] = '\0';
        if (length && find_scheme(registry, kind, scheme))
            return fxi_fail(error, FXMON_E_EXISTS, "schemes", "there is a %s driver for \"%s\" already", kind_name[kind], scheme);
        word += length;
        word += strspn(word, " ");
    }
    void *grown = fxi_grow(registry->drivers[kind], &registry->capacity[kind], registry->count[kind] + 1, sizeof driver);
    if (!grown)
        return fxi_fail(error, FXMON_E_NOMEM, "ops", "out of memory");
    registry->drivers[kind] = grown;
    registry->drivers[kind][registry->count[kind]++] = driver;
    return FXMON_OK;
}

const fxi_driver *fxi_registry_lookup(const fxi_registry *registry, enum fxi_kind kind, const char *url)
{
    char scheme[SCHEME_TEXT];
    return url && scheme_of(url, scheme) ? find_scheme(registry, kind, scheme) : NULL;
}

/* All known schemes, one after the other in `text`, and pointers to them. */
static size_t list_schemes(const fxi_registry *registry, enum fxi_kind kind, fxi_buf *text, const char **names)
{
    const fxi_driver *driver;
    for (size_t i = 0; (driver = driver_at(registry, kind, i)) != NULL; i++) {
        fxi_buf_puts(text, text->length ? " " : "");
        fxi_buf_puts(text, driver->schemes);
    }
    for (size_t i = 0; kind == FXI_KIND_SINK && (driver = driver_at(registry, FXI_KIND_STORE, i)) != NULL; i++) {
        fxi_buf_puts(text, text->length ? " " : ""); /* a store is a destination too */
        fxi_buf_puts(text, driver->schemes);
    }
    size_t count = 0;
    if (text->failed || !text->data)
        return 0;
    for (char *word = text->data; *word && count < SCHEMES_MAXIMUM;) {
        size_t length = strcspn(word, " ");
        names[count++] = word;
        word += length;
        if (*word)
            *word++ = '\0';
    }
    return count;
}

static int unknown_scheme(const fxi_registry *registry, enum fxi_kind kind, const char *url, const char *option, fxmon_error *error)
{
    const char *names[SCHEMES_MAXIMUM + 1], *near = NULL;
    char scheme[SCHEME_TEXT] = "", shown[120];
    fxi_buf text;
    fxi_buf_init(&text, 4096);
    size_t count = list_schemes(registry, kind, &text, names);
    names[count] = NULL;
    if (scheme_of(url, scheme))
        near = fxi_nearest(scheme, names);
    fxi_url_redact(url, shown, sizeof shown);
    if (near)
        fxi_fail(error, FXMON_E_CONFIG, option, "%s: no %s is known by \"%s\"; did you mean \"%s\"?", option, kind_name[kind], shown, near);
    else
        fxi_fail(error, FXMON_E_CONFIG, option, "%s: no %s is known by \"%s\"", option, kind_name[kind], shown);
    fxi_buf_free(&text);
    return FXMON_E_CONFIG;
}

const void *fxi_registry_find(const fxi_registry *registry, enum fxi_kind kind, const char *url, const char *option, fxmon_error *error)
{
    const fxi_driver *driver = fxi_registry_lookup(registry, kind, url);
    if (!driver) {
        unknown_scheme(registry, kind, url ? url : "", option, error);
        return NULL;
    }
    if (driver->unsupported) {
        char shown[120];
        fxi_url_redact(url, shown, sizeof shown);
        fxi_fail(error, FXMON_E_UNSUPPORTED, option, "%s: %.60s is not available: %s", option, shown, driver->unsupported);
        return NULL;
    }
    return driver;
}
