/* Fields are ranges of the line; nothing is copied until a text is asked for. */
#include "codec/csv.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The quoted field at p (behind its quote); what follows its closing quote and blanks, NULL if it is not closed. */
static const char *take_quoted(const char *p, const char *end, fxi_csv_field *field)
{
    field->text = p;
    field->doubled = false;
    for (;; p++) {
        if (p == end) {
            return NULL;
        }
        if (*p != '"') {
            continue;
        }
        if (p + 1 < end && p[1] == '"') {
            field->doubled = true;
            p++;
            continue;
        }
        field->length = (size_t)(p - field->text);
        return p + 1;
    }
}

int fxi_csv_split(const char *line, size_t length, char separator, fxi_csv_field *fields, size_t max)
{
    const char *p = line, *end = line + length;
    size_t count = 0;

    for (;;) {
        fxi_csv_field *field = &fields[count];

        if (count == max) {
            return -2;
        }
        while (p < end && is_blank(*p) && *p != separator) {
            p++;
        }
        if (p < end && *p == '"') {
            p = take_quoted(p + 1, end, field);
            while (p != NULL && p < end && is_blank(*p) && *p != separator) {
                p++;
            }
            if (p == NULL || (p < end && *p != separator)) {
                return -1;
            }
        } else {
            const char *stop = memchr(p, separator, (size_t)(end - p));

            stop = stop == NULL ? end : stop;
            *field = (fxi_csv_field){p, (size_t)(stop - p), false};
            while (field->length > 0 && is_blank(field->text[field->length - 1])) {
                field->length--;
            }
            p = stop;
        }
        count++;
        if (p == end) {
            return (int)count;
        }
        p++;
    }
}

long fxi_csv_text(const fxi_csv_field *field, char *out, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < field->length; i++) {
        if (at + 1 >= size) {
            return -1;
        }
        out[at++] = field->text[i];
        if (field->doubled && field->text[i] == '"') {
            i++;
        }
    }
    if (size == 0) {
        return -1;
    }
    out[at] = '\0';
    return (long)at;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool fxi_csv_is(const fxi_csv_field *field, const char *word)
{
    size_t length = strlen(word);

    if (field->length != length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (lower(field->text[i]) != lower(word[i])) {
            return false;
        }
    }
    return true;
}

bool fxi_csv_line(const char **at, const char *end, const char **line, size_t *length)
{
    const char *stop;

    if (*at == end) {
        return false;
    }
    *line = *at;
    stop = memchr(*at, '\n', (size_t)(end - *at));
    *at = stop == NULL ? end : stop + 1;
    stop = stop == NULL ? end : stop;
    *length = (size_t)(stop - *line);
    if (*length > 0 && (*line)[*length - 1] == '\r') {
        (*length)--;
    }
    return true;
}
