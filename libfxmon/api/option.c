/*
 * api/option.c - the option table and the values of one handle.
 *
 * Values are kept as text, as they were given: the parts that use an option parse it with the same calls (base/value.h) that
 * checked it here, so what passes the check is what will be used, and a host can read back what it set.
 */
#include "api/option.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#define N NULL
#define P FXMON_PRODUCE
#define C FXMON_CONSUME
#define A FXMON_ALERT
#define S FXMON_SERVE
#define L FXMON_ALL
#define R 1
#define O 2
#define X(name, type, initial, minimum, maximum, choices, argument, fallback, programs, flags, text)                   \
    {name, FXMON_TYPE_##type, initial, minimum, maximum, choices, argument, fallback, programs, ((flags) & R) != 0,   \
     ((flags) & O) != 0, text},
static const fxmon_option_info option_table[] = {
#include "api/options.def"
};
#undef X
#undef N
#undef P
#undef C
#undef A
#undef S
#undef L
#undef R
#undef O

#define OPTION_COUNT (sizeof option_table / sizeof option_table[0])
#define OPTION_VALUE_MAXIMUM 65536 /* bytes of one option, repeated values together */

struct fxi_options {
    char *value[OPTION_COUNT];
};

const fxmon_option_info *fxmon_option_at(size_t index)
{
    return index < OPTION_COUNT ? &option_table[index] : NULL;
}

const fxmon_option_info *fxmon_option_find(const char *name)
{
    for (size_t i = 0; name && i < OPTION_COUNT; i++)
        if (strcmp(option_table[i].name, name) == 0)
            return &option_table[i];
    return NULL;
}

static int unknown_option(const char *name, fxmon_error *error)
{
    const char *names[OPTION_COUNT + 1];
    for (size_t i = 0; i < OPTION_COUNT; i++)
        names[i] = option_table[i].name;
    names[OPTION_COUNT] = NULL;
    const char *near = fxi_nearest(name, names);
    if (near)
        return fxi_fail(error, FXMON_E_OPTION, name, "unknown option \"%.60s\"; did you mean \"%s\"?", name, near);
    return fxi_fail(error, FXMON_E_OPTION, name, "unknown option \"%.60s\"", name);
}

/* One number for the three types that have an order, so that ranges are checked in one place. */
static int option_number(int type, const char *text, int64_t *out)
{
    size_t length = strlen(text);
    switch (type) {
    case FXMON_TYPE_INTEGER:
        return fxi_integer_parse(text, length, out);
    case FXMON_TYPE_DURATION:
        return fxmon_duration_parse(text, length, out);
    default:
        return fxi_size_parse(text, length, out);
    }
}

static const char *option_expectation(int type)
{
    switch (type) {
    case FXMON_TYPE_INTEGER:
        return "a whole number";
    case FXMON_TYPE_DURATION:
        return "a duration such as 250ms, 30s, 5m, 1h30m or 2d";
    default:
        return "a size such as 65536, 64k or 16MiB";
    }
}

static int check_number(const fxmon_option_info *row, const char *value, fxmon_error *error)
{
    int64_t number, limit;
    if (option_number(row->type, value, &number) != FXMON_OK)
        return fxi_fail(error, FXMON_E_SYNTAX, row->name, "%s: \"%.60s\" is not %s", row->name, value,
                        option_expectation(row->type));
    if (row->minimum && option_number(row->type, row->minimum, &limit) == FXMON_OK && number < limit)
        return fxi_fail(error, FXMON_E_RANGE, row->name, "%s: %.60s is below the minimum of %s", row->name, value,
                        row->minimum);
    if (row->maximum && option_number(row->type, row->maximum, &limit) == FXMON_OK && number > limit)
        return fxi_fail(error, FXMON_E_RANGE, row->name, "%s: %.60s is above the maximum of %s", row->name, value,
                        row->maximum);
    return FXMON_OK;
}

static int check_choice(const fxmon_option_info *row, const char *value, fxmon_error *error)
{
    size_t length = strlen(value);
    for (const char *word = row->choices; *word;) {
        size_t n = strcspn(word, " ");
        if (n == length && memcmp(word, value, n) == 0)
            return FXMON_OK;
        word += n;
        word += strspn(word, " ");
    }
    return fxi_fail(error, FXMON_E_SYNTAX, row->name, "%s: \"%.60s\" is none of: %s", row->name, value, row->choices);
}

int fxmon_option_check(const char *name, const char *value, fxmon_error *error)
{
    if (!name || !value)
        return fxi_fail(error, FXMON_E_ARGUMENT, "name", "an option needs a name and a value");
    const fxmon_option_info *row = fxmon_option_find(name);
    if (!row)
        return unknown_option(name, error);
    if (strlen(value) > OPTION_VALUE_MAXIMUM)
        return fxi_fail(error, FXMON_E_TOO_LARGE, name, "%s: longer than %d bytes", name, OPTION_VALUE_MAXIMUM);
    bool truth;
    switch (row->type) {
    case FXMON_TYPE_INTEGER:
    case FXMON_TYPE_DURATION:
    case FXMON_TYPE_SIZE:
        return check_number(row, value, error);
    case FXMON_TYPE_CHOICE:
        return check_choice(row, value, error);
    case FXMON_TYPE_BOOL:
        if (fxi_bool_parse(value, strlen(value), &truth) != FXMON_OK)
            return fxi_fail(error, FXMON_E_SYNTAX, name, "%s: \"%.60s\" is neither yes nor no", name, value);
        return FXMON_OK;
    default:
        if (row->type != FXMON_TYPE_SECRET && *value == '\0')
            return fxi_fail(error, FXMON_E_SYNTAX, name, "%s: the value is empty", name);
        return FXMON_OK;
    }
}

fxi_options *fxi_options_new(void)
{
    return fxi_calloc(1, sizeof(fxi_options));
}

void fxi_options_free(fxi_options *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (o->value[i] && option_table[i].type == FXMON_TYPE_SECRET)
            explicit_bzero(o->value[i], strlen(o->value[i]));
        fxi_free(o->value[i]);
    }
    fxi_free(o);
}

static char *join_lines(const char *first, const char *second)
{
    size_t a = strlen(first), b = strlen(second);
    char *text = fxi_alloc(a + 1 + b + 1);
    if (text) {
        memcpy(text, first, a);
        text[a] = '\n';
        memcpy(text + a + 1, second, b + 1);
    }
    return text;
}

int fxi_options_set(fxi_options *o, const char *name, const char *value, fxmon_error *error)
{
    const fxmon_option_info *row = fxmon_option_find(name);
    if (value) {
        int code = fxmon_option_check(name, value, error);
        if (code != FXMON_OK)
            return code;
    } else if (!row) {
        return unknown_option(name ? name : "", error);
    }
    char **place = &o->value[row - option_table];
    char *text = NULL;
    if (value) {
        text = row->repeated && *place ? join_lines(*place, value) : fxi_strdup(value);
        if (!text)
            return fxi_fail(error, FXMON_E_NOMEM, name, "out of memory");
        if (strlen(text) > OPTION_VALUE_MAXIMUM) {
            fxi_free(text);
            return fxi_fail(error, FXMON_E_TOO_LARGE, name, "%s: all values together are longer than %d bytes", name,
                            OPTION_VALUE_MAXIMUM);
        }
    }
    fxi_free(*place);
    *place = text;
    return FXMON_OK;
}

const char *fxi_options_get(const fxi_options *o, const char *name)
{
    const fxmon_option_info *row = fxmon_option_find(name);
    if (!row)
        return NULL;
    const char *value = o->value[row - option_table];
    return value ? value : row->initial;
}
