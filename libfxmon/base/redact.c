/*
 * base/redact.c - URLs without what must not be read: passwords, keys in parameters, keys in paths, command lines.
 *
 * Works on the text as it is, also when it is no valid URL: an error about a mistyped URL is exactly where a password would leak.
 * In doubt it hides too much.
 */
#include "base/url.h"

#include "base/utf8.h"

#include <string.h>

#define HIDDEN "***"
#define KEY_LENGTH 16 /* path parts from here on that look like random letters are taken for keys */

typedef struct writer {
    char *out;
    size_t size, length;
} writer;

static void put(writer *w, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++, w->length++) {
        if (w->length + 1 < w->size) {
            w->out[w->length] = text[i];
        }
    }
}

static void hide(writer *w)
{
    put(w, HIDDEN, strlen(HIDDEN));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool contains_word(const char *text, size_t length, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= length; i++) {
        size_t same = 0;
        while (same < size && lower(text[i + same]) == word[same]) {
            same++;
        }
        if (same == size) {
            return true;
        }
    }
    return false;
}

static bool is_secret_name(const char *name, size_t length)
{
    static const char *const words[] = {"key", "token", "secret", "pass", "pwd", "auth", "sig", "app_id", "credential"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (contains_word(name, length, words[i])) {
            return true;
        }
    }
    return memchr(name, '%', length) != NULL; /* an escaped name could be any of them */
}

/* Long and mixed: letters with digits, or both cases. Words with dashes and dates are not. */
static bool is_key_like(const char *part, size_t length)
{
    bool digit = false, small = false, large = false;
    for (size_t i = 0; i < length; i++) {
        char c = part[i];
        digit = digit || (c >= '0' && c <= '9');
        small = small || (c >= 'a' && c <= 'z');
        large = large || (c >= 'A' && c <= 'Z');
        if (c == '.') {
            return false;
        }
    }
    return length >= KEY_LENGTH && (digit + small + large >= 2 || (digit && length >= 2 * KEY_LENGTH));
}

static void put_path(writer *w, const char *path, size_t length)
{
    for (const char *end = path + length; path < end;) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t part = slash == NULL ? (size_t)(end - path) : (size_t)(slash - path);
        if (is_key_like(path, part)) {
            hide(w);
        } else {
            put(w, path, part);
        }
        path += part;
        if (path < end) {
            put(w, "/", 1);
            path++;
        }
    }
}

static void put_query(writer *w, const char *query)
{
    while (*query != '\0') {
        size_t length = strcspn(query, "&");
        size_t name = strcspn(query, "=&");
        put(w, query, name);
        if (name < length) {
            put(w, "=", 1);
            if (is_secret_name(query, name)) {
                hide(w);
            } else {
                put(w, query + name + 1, length - name - 1);
            }
        }
        query += length;
        if (*query == '&') {
            put(w, "&", 1);
            query++;
        }
    }
}

/* Everything before the last '@' is the login: its user stays, its password goes. Without a colon it may be a token. */
static const char *put_login(writer *w, const char *rest, size_t length)
{
    const char *at = memrchr(rest, '@', length);
    if (at == NULL) {
        return rest;
    }
    const char *colon = memchr(rest, ':', (size_t)(at - rest));
    if (colon != NULL) {
        put(w, rest, (size_t)(colon - rest) + 1);
        hide(w);
    } else if (is_key_like(rest, (size_t)(at - rest))) {
        hide(w);
    } else {
        put(w, rest, (size_t)(at - rest));
    }
    put(w, "@", 1);
    return at + 1;
}

size_t fxi_url_redact(const char *text, char *out, size_t size)
{
    writer w = {out, size, 0};
    size_t scheme = strcspn(text, ":?");
    bool command_line = scheme == 4 && text[4] == ':' && contains_word(text, 4, "exec");
    if (text[scheme] == ':') {
        put(&w, text, scheme + 1);
        text += scheme + 1;
    }
    if (command_line) { /* the command, without its arguments */
        size_t command = strcspn(text, " \t");
        put(&w, text, command);
        if (text[command] != '\0') {
            put(&w, " " HIDDEN, strlen(" " HIDDEN));
        }
    } else {
        bool remote = text[0] == '/' && text[1] == '/' && text[2] != '/';
        size_t path = strcspn(text, "?");
        const char *rest = text;
        if (remote) {
            put(&w, "//", 2);
            /* A password may hold an unescaped '/' or '?': look for the '@' in the whole text. */
            rest = put_login(&w, text + 2, strlen(text + 2));
            path = strcspn(rest, "?");
            put_path(&w, rest, path);
        } else {
            put(&w, rest, path);
        }
        rest += path;
        if (*rest == '?') {
            put(&w, "?", 1);
            put_query(&w, rest + 1);
        }
    }
    if (size > 0) {
        out[w.length < size ? w.length : size - 1] = '\0';
        fxi_utf8_tidy(out);
    }
    return w.length;
}
