/*
 * source/settings.c - settings of a source: the URL's own first, then the option of the handle.
 *
 * A setting of the URL belongs to this one source (a chain may have several), so it wins; the option is the default of all of them.
 * Names that a driver does not know are errors: a mistyped "speeed=10" that is silently ignored costs an afternoon.
 */
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/value.h"
#include "source/source.h"

typedef struct setting_check {
    const char *const *names;
    char unknown[64];
} setting_check;

static bool setting_known(void *user, const char *name, const char *value)
{
    setting_check *check = user;
    (void)value;
    for (size_t i = 0; check->names[i]; i++)
        if (strcmp(check->names[i], name) == 0)
            return true;
    size_t length = strnlen(name, sizeof check->unknown - 1);
    memcpy(check->unknown, name, length);
    check->unknown[length] = '\0';
    return false;
}

int fxi_settings_check(const fxi_settings *s, const char *const *names, fxmon_error *error)
{
    setting_check check = {.names = names};
    if (!s->url.query || fxi_url_each_param(&s->url, setting_known, &check))
        return FXMON_OK;
    if (!check.unknown[0])
        return fxi_fail(error, FXMON_E_SYNTAX, s->driver, "settings of %s: are name=value pairs joined by &", s->driver);
    const char *near = fxi_nearest(check.unknown, names);
    if (near)
        return fxi_fail(error, FXMON_E_OPTION, check.unknown, "%s: has no setting \"%s\"; did you mean \"%s\"?", s->driver,
                        check.unknown, near);
    return fxi_fail(error, FXMON_E_OPTION, check.unknown, "%s: has no setting \"%s\"", s->driver, check.unknown);
}

bool fxi_settings_text(const fxi_settings *s, const char *name, const char *option, char *out, size_t size)
{
    if (s->url.query && fxi_url_param(&s->url, name, out, size))
        return true;
    const char *value = option ? fxi_env_text(s->env, option, NULL) : NULL;
    size_t length = value ? strlen(value) : 0;
    if (!value || length >= size)
        return false;
    memcpy(out, value, length + 1);
    return true;
}

int fxi_settings_duration(const fxi_settings *s, const char *name, const char *option, int64_t least, int64_t most, int64_t *value,
                          fxmon_error *error)
{
    char text[FXI_SETTING_TEXT];
    int64_t parsed = 0;
    if (!fxi_settings_text(s, name, option, text, sizeof text))
        return FXMON_OK;
    int code = fxmon_duration_parse(text, strlen(text), &parsed);
    if (code)
        return fxi_fail(error, code, name, "%s: %s \"%.40s\" is no duration such as 250ms, 30s or 1h30m", s->driver, name, text);
    if (parsed < least || parsed > most) {
        char low[32], high[32];
        fxi_duration_format(least, low, sizeof low);
        fxi_duration_format(most, high, sizeof high);
        return fxi_fail(error, FXMON_E_RANGE, name, "%s: %s \"%.40s\" is not within %s to %s", s->driver, name, text, low, high);
    }
    *value = parsed;
    return FXMON_OK;
}

int fxi_settings_integer(const fxi_settings *s, const char *name, const char *option, int64_t least, int64_t most, int64_t *value,
                         fxmon_error *error)
{
    char text[FXI_SETTING_TEXT];
    int64_t parsed = 0;
    if (!fxi_settings_text(s, name, option, text, sizeof text))
        return FXMON_OK;
    int code = fxi_integer_parse(text, strlen(text), &parsed);
    if (code)
        return fxi_fail(error, code, name, "%s: %s \"%.40s\" is no whole number", s->driver, name, text);
    if (parsed < least || parsed > most)
        return fxi_fail(error, FXMON_E_RANGE, name, "%s: %s \"%.40s\" is not within %lld to %lld", s->driver, name, text,
                        (long long)least, (long long)most);
    *value = parsed;
    return FXMON_OK;
}

int fxi_settings_number(const fxi_settings *s, const char *name, double least, double most, double *value, fxmon_error *error)
{
    char text[FXI_SETTING_TEXT];
    fxmon_decimal decimal;
    if (!fxi_settings_text(s, name, NULL, text, sizeof text))
        return FXMON_OK;
    int code = fxmon_decimal_parse(text, strlen(text), &decimal);
    if (code)
        return fxi_fail(error, code, name, "%s: %s \"%.40s\" is no number such as 0.001", s->driver, name, text);
    double parsed = fxmon_decimal_to_double(decimal);
    if (!(parsed >= least && parsed <= most)) {
        char low[FXMON_DOUBLE_TEXT], high[FXMON_DOUBLE_TEXT];
        fxmon_double_format(least, low);
        fxmon_double_format(most, high);
        return fxi_fail(error, FXMON_E_RANGE, name, "%s: %s \"%.40s\" is not within %s to %s", s->driver, name, text, low, high);
    }
    *value = parsed;
    return FXMON_OK;
}

int fxi_settings_bool(const fxi_settings *s, const char *name, const char *option, bool *value, fxmon_error *error)
{
    char text[FXI_SETTING_TEXT];
    if (!fxi_settings_text(s, name, option, text, sizeof text))
        return FXMON_OK;
    int code = fxi_bool_parse(text, strlen(text), value);
    if (code)
        return fxi_fail(error, code, name, "%s: %s \"%.40s\" is neither yes nor no", s->driver, name, text);
    return FXMON_OK;
}

/* A code is judged by building a pair with it: one rule for what a currency code may look like. */
int fxi_settings_currency(const fxi_settings *s, const char *name, const char *option, char out[8], fxmon_error *error)
{
    char text[FXI_SETTING_TEXT];
    fxmon_pair pair;
    if (!fxi_settings_text(s, name, option, text, sizeof text))
        return FXMON_OK;
    if (fxmon_pair_make(text, strcmp(text, "XXX") == 0 ? "XTS" : "XXX", &pair))
        return fxi_fail(error, FXMON_E_CURRENCY, name, "%s: %s \"%.40s\" is no currency code such as USD", s->driver, name, text);
    fxmon_pair_base(&pair, out);
    return FXMON_OK;
}
