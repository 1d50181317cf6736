/*
 * The ECB's XML files: <Cube time="..."> with <Cube currency="USD" rate="1.0887"/> within, in an envelope. A small pull parser is enough: it
 * passes tags one by one, checks that they nest (so a file that was cut anywhere is seen), and looks at three attributes of elements called
 * Cube, whatever their prefix. A document type is refused: nothing in these files needs one, and entities are how XML attacks begin.
 */
#include "codec/answer.h"

#include <string.h>

#include "base/error.h"
#include "codec/excerpt.h"

#define DEPTH 16 /* the files have 4 levels */

typedef struct text {
    const char *at;
    size_t length;
} text;

/* The attributes of an element that matter. */
typedef struct cube {
    text time, currency, rate; /* at NULL: absent */
} cube;

typedef struct scanner {
    const char *start, *at, *end;
    text open[DEPTH];
    int depth, day_depth; /* day_depth: depth of the Cube with a time, 0 outside */
    bool done;            /* the outermost element has been closed */
} scanner;

static int broken(const scanner *s, const char *what, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    return fxi_fail(error, FXMON_E_MALFORMED, "", "not the ECB's XML at byte %lld: %s, found %s", (long long)(s->at - s->start), what,
                    s->at == s->end ? "the end" : fxi_excerpt(s->at, (size_t)(s->end - s->at), shown));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
    return !is_space(c) && c != '=' && c != '/' && c != '>' && c != '<' && c != '"' && c != '\'' && c != '&' && c != '\0';
}

static bool equals(text t, const char *word)
{
    return t.length == strlen(word) && memcmp(t.at, word, t.length) == 0;
}

/* The name without its namespace prefix. */
static text local_name(text name)
{
    const char *colon = memchr(name.at, ':', name.length);

    if (colon != NULL) {
        name.length -= (size_t)(colon + 1 - name.at);
        name.at = colon + 1;
    }
    return name;
}

static text take_name(scanner *s)
{
    text name = {s->at, 0};

    while (s->at < s->end && is_name(*s->at)) {
        s->at++;
    }
    name.length = (size_t)(s->at - name.at);
    return name;
}

static void skip_space(scanner *s)
{
    while (s->at < s->end && is_space(*s->at)) {
        s->at++;
    }
}

/* s->at at `opening`: go behind the next `closing`; false if there is none. */
static bool skip_to(scanner *s, const char *closing)
{
    size_t length = strlen(closing);
    const char *found = memmem(s->at, (size_t)(s->end - s->at), closing, length);

    if (found == NULL) {
        s->at = s->end;
        return false;
    }
    s->at = found + length;
    return true;
}

static bool starts(const scanner *s, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(s->end - s->at) >= length && memcmp(s->at, word, length) == 0;
}

/* name="value"; both quotes are right */
static int take_attribute(scanner *s, text *name, text *value, fxmon_error *error)
{
    const char *close;
    char quote;

    *name = take_name(s);
    skip_space(s);
    if (name->length == 0 || s->at == s->end || *s->at != '=') {
        return broken(s, "expected an attribute", error);
    }
    s->at++;
    skip_space(s);
    if (s->at == s->end || (*s->at != '"' && *s->at != '\'')) {
        return broken(s, "expected a quoted value", error);
    }
    quote = *s->at++;
    close = memchr(s->at, quote, (size_t)(s->end - s->at));
    if (close == NULL || memchr(s->at, '<', (size_t)(close - s->at)) != NULL) {
        return broken(s, "a value that is not closed", error);
    }
    *value = (text){s->at, (size_t)(close - s->at)};
    s->at = close + 1;
    return FXMON_OK;
}

/* What a Cube says. The element has been pushed already. */
static int take_cube(fxi_answer *a, scanner *s, const cube *c, fxmon_error *error)
{
    int64_t day = 0;
    char shown[FXI_EXCERPT];

    if (c->time.at != NULL) {
        if (s->day_depth != 0 || fxi_answer_date(c->time.at, c->time.length, &day) != FXMON_OK) {
            return fxi_fail(error, FXMON_E_MALFORMED, "time", "a Cube has the time %s: expected a date, not within another day",
                            fxi_excerpt(c->time.at, c->time.length, shown));
        }
        s->day_depth = s->depth;
        return fxi_answer_day_begin(a, day, error);
    }
    if (c->currency.at == NULL && c->rate.at == NULL) {
        return FXMON_OK;
    }
    if (c->currency.at == NULL || c->rate.at == NULL || s->day_depth == 0) {
        return broken(s, "a Cube with a currency needs a rate, and a day around it", error);
    }
    return fxi_answer_add(a, c->currency.at, c->currency.length, c->rate.at, c->rate.length, error);
}

/* s->at behind '<' of an opening tag */
static int take_element(fxi_answer *a, scanner *s, fxmon_error *error)
{
    text name = take_name(s);
    cube c;
    bool closed;
    int code;

    if (name.length == 0) {
        return broken(s, "expected an element", error);
    }
    if (s->depth == 0 && (s->done || !equals(local_name(name), "Envelope"))) {
        return broken(s, "expected one element Envelope around everything", error);
    }
    if (s->depth == DEPTH) {
        return broken(s, "nested too deep", error);
    }
    memset(&c, 0, sizeof c);
    s->open[s->depth++] = name;
    for (;;) {
        text attribute, value;

        skip_space(s);
        if (s->at == s->end || *s->at == '>' || *s->at == '/') {
            break;
        }
        code = take_attribute(s, &attribute, &value, error);
        if (code != FXMON_OK) {
            return code;
        }
        if (equals(attribute, "time")) {
            c.time = value;
        } else if (equals(attribute, "currency")) {
            c.currency = value;
        } else if (equals(attribute, "rate")) {
            c.rate = value;
        }
    }
    closed = starts(s, "/>");
    if (!closed && (s->at == s->end || *s->at != '>')) {
        return broken(s, "expected the end of a tag", error);
    }
    s->at += closed ? 2 : 1;
    code = equals(local_name(name), "Cube") ? take_cube(a, s, &c, error) : FXMON_OK;
    if (closed) {
        s->day_depth = s->day_depth == s->depth ? 0 : s->day_depth;
        s->depth--;
        s->done = s->depth == 0;
    }
    return code;
}

/* s->at behind "</" */
static int take_end(scanner *s, fxmon_error *error)
{
    text name = take_name(s), open;

    skip_space(s);
    if (s->depth == 0 || s->at == s->end || *s->at != '>') {
        return broken(s, "expected the end of an element", error);
    }
    open = s->open[s->depth - 1];
    if (open.length != name.length || memcmp(open.at, name.at, name.length) != 0) {
        return broken(s, "another element is open", error);
    }
    s->at++;
    s->day_depth = s->day_depth == s->depth ? 0 : s->day_depth;
    s->depth--;
    s->done = s->depth == 0;
    return FXMON_OK;
}

int fxi_answer_xml(fxi_answer *a, const char *body, size_t length, fxmon_error *error)
{
    scanner s = {.start = body, .at = body, .end = body + length};
    int code = fxi_answer_base(a, "EUR", 3, error);

    while (code == FXMON_OK) {
        const char *text_start = s.at;

        s.at = memchr(s.at, '<', (size_t)(s.end - s.at));
        s.at = s.at == NULL ? s.end : s.at;
        if (s.depth == 0) {
            for (; text_start < s.at; text_start++) {
                if (!is_space(*text_start)) {
                    s.at = text_start;
                    return broken(&s, "expected an element", error);
                }
            }
        }
        if (s.at == s.end) {
            break;
        }
        if (starts(&s, "<!--")) {
            code = skip_to(&s, "-->") ? FXMON_OK : broken(&s, "a comment that is not closed", error);
        } else if (starts(&s, "<?")) {
            code = skip_to(&s, "?>") ? FXMON_OK : broken(&s, "an instruction that is not closed", error);
        } else if (starts(&s, "<![CDATA[") && s.depth > 0) {
            code = skip_to(&s, "]]>") ? FXMON_OK : broken(&s, "a section that is not closed", error);
        } else if (starts(&s, "<!")) {
            code = broken(&s, "expected no document type", error);
        } else if (starts(&s, "</")) {
            s.at += 2;
            code = take_end(&s, error);
        } else {
            s.at++;
            code = take_element(a, &s, error);
        }
    }
    if (code == FXMON_OK && !s.done) {
        code = broken(&s, "the file is cut: an element is open", error);
    }
    return code;
}
