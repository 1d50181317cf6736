/* Any text as a URL: parsed, its parameters read, redacted; a parsed password never survives redaction. */
#include "base/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count(void *user, const char *name, const char *value)
{
    *(size_t *)user += strlen(name) + strlen(value);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *redacted = malloc(4 * size + 64), decoded[64];
    fxi_url url;
    fxmon_error error;
    size_t total = 0;
    if (text == NULL || redacted == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (fxi_percent_decode((const char *)data, size, decoded, sizeof(decoded)) >= (long)sizeof(decoded)) {
        abort();
    }
    size_t length = fxi_url_redact(text, redacted, 4 * size + 64);
    if (length >= 4 * size + 64) {
        abort();
    }
    if (fxi_url_parse(text, &url, &error) == FXMON_OK) {
        fxi_url_each_param(&url, count, &total);
        if (url.password != NULL && strlen(url.password) > 7 && strchr(url.password, '*') == NULL && strstr(redacted, url.password) != NULL &&
            strstr(url.host, url.password) == NULL && strstr(url.path, url.password) == NULL && strstr(url.user, url.password) == NULL &&
            (url.query == NULL || strstr(url.query, url.password) == NULL) && strstr(url.scheme, url.password) == NULL) {
            abort();
        }
        fxi_url_free(&url);
    }
    free(text);
    free(redacted);
    return 0;
}
