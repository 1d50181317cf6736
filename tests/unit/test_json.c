/* The JSON reader: tables of what RFC 8259 takes and refuses, agreement with another strict reader (jansson), duplicates, depth, memory. */
#include "codec/json.h"
#include "../support/support.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct sample {
    const char *text;
    size_t length;
} sample;
#define S(text) {text, sizeof(text) - 1}

static const sample accepted[] = {
#include "json_accept.inc"
};
static const sample refused[] = {
#include "json_refuse.inc"
};

static bool pulls(const char *text, size_t length)
{
    fxi_json j;
    int token;

    fxi_json_init(&j, text, length);
    do {
        token = fxi_json_next(&j);
    } while (token != FXI_JSON_END && token != FXI_JSON_ERROR);
    return token == FXI_JSON_END;
}

START_TEST(accepts)
{
    const sample *s = &accepted[_i];
    fxmon_error error = {0};

    ck_assert_msg(fxi_json_valid(s->text, s->length, &error), "%s: %s", s->text, error.text);
    ck_assert(pulls(s->text, s->length));
}
END_TEST

START_TEST(refuses)
{
    const sample *s = &refused[_i];
    char *copy = malloc(s->length + 1); /* of its own size, so that a sanitizer sees a look beyond the end */
    fxmon_error error = {0};

    memcpy(copy, s->text, s->length);
    copy = realloc(copy, s->length == 0 ? 1 : s->length);
    ck_assert_msg(!fxi_json_valid(copy, s->length, &error), "taken: %s", s->text);
    ck_assert_int_eq(error.code, FXMON_E_SYNTAX);
    ck_assert_int_ne(error.text[0], '\0');
    ck_assert(!pulls(copy, s->length));
    free(copy);
}
END_TEST

static bool jansson_takes(const char *text, size_t length)
{
    json_error_t error;
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    bool taken = value != NULL || error.line == -1;

    json_decref(value);
    return taken;
}

/* jansson refuses what does not fit its numbers (1e400, integers beyond 64 bits): it is no judge of texts with long numbers. */
static bool has_long_number(const char *text, size_t length)
{
    size_t run = 0;

    for (size_t i = 0; i < length; i++) {
        run = text[i] >= '0' && text[i] <= '9' ? run + 1 : 0;
        if (run > 2 && i >= run && (text[i - run] == 'e' || text[i - run] == 'E' || text[i - run] == '+' || text[i - run] == '-')) {
            return true;
        }
        if (run > 17) {
            return true;
        }
    }
    return false;
}

static int depth_of(const char *text, size_t length)
{
    int depth = 0, most = 0;

    for (size_t i = 0; i < length; i++) {
        depth += (text[i] == '[' || text[i] == '{') - (text[i] == ']' || text[i] == '}');
        most = depth > most ? depth : most;
    }
    return most;
}

static void agree(const char *text, size_t length)
{
    if (!has_long_number(text, length) && depth_of(text, length) <= FXI_JSON_DEPTH) {
        bool mine = fxi_json_valid(text, length, NULL), other = jansson_takes(text, length);

        ck_assert_msg(mine == other, "fxmon %d, jansson %d: %.*s", mine, other, (int)length, text);
    }
}

START_TEST(agrees_with_jansson)
{
    fxi_random r;
    long cases = property_cases(60000);
    size_t count = sizeof accepted / sizeof *accepted;

    property_seed(&r, "json/agrees_with_jansson");
    for (size_t i = 0; i < count; i++) {
        agree(accepted[i].text, accepted[i].length);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        agree(refused[i].text, refused[i].length);
    }
    for (long n = 0; n < cases; n++) {
        static const char bytes[] = "{}[]\",:\\0123456789.eE+-truefalsn \n\t\x01\x7f\xc3\xa9\xff" "ud";
        const sample *s = &accepted[fxi_random_below(&r, count)];
        char text[300];
        size_t length = s->length < sizeof text ? s->length : 0;
        uint64_t changes = 1 + fxi_random_below(&r, 3);

        memcpy(text, s->text, length);
        while (changes-- > 0 && length > 0) {
            size_t at = fxi_random_below(&r, length);

            if (fxi_random_below(&r, 4) == 0) {
                memmove(text + at, text + at + 1, --length - at);
            } else {
                text[at] = bytes[fxi_random_below(&r, sizeof bytes - 1)];
            }
        }
        agree(text, length);
    }
}
END_TEST

START_TEST(strings_equal_jansson)
{
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        json_t *value = json_loadb(accepted[i].text, accepted[i].length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        char text[256];
        fxi_json j;

        if (json_is_string(value)) {
            fxi_json_init(&j, accepted[i].text, accepted[i].length);
            ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_STRING);
            ck_assert_int_eq(fxi_json_string(&j, text, sizeof text), (long)json_string_length(value));
            ck_assert_mem_eq(text, json_string_value(value), json_string_length(value) + 1);
        }
        json_decref(value);
    }
}
END_TEST

START_TEST(deep_input_is_refused_at_once)
{
    size_t length = 100000;
    char *text = malloc(length);
    fxi_json j;
    long steps = 0;

    memset(text, '[', length);
    ck_assert(!fxi_json_valid(text, length, NULL));
    fxi_json_init(&j, text, length);
    while (fxi_json_next(&j) != FXI_JSON_ERROR) {
        steps++;
    }
    ck_assert_int_eq(steps, FXI_JSON_DEPTH);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_ERROR);
    for (size_t i = 0; i + 5 <= length; i += 5) {
        memcpy(text + i, "{\"\":[", 5);
    }
    ck_assert(!fxi_json_valid(text, length, NULL));
    free(text);
}
END_TEST

START_TEST(duplicates)
{
    static const char *const twice[] = {"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"x\":{\"k\":1,\"b\":2,\"k\":3}}",
                                        "[{\"\":1,\"\":1}]", "{\"\xc3\xa9\":1,\"\\u00e9\":2}", "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"};
    static const char *const once[] = {"{\"a\":{\"a\":{\"a\":1}}}", "[{\"a\":1},{\"a\":1}]", "{\"a\":1,\"A\":2,\"a \":3,\"ab\":4}"};
    fxmon_error error;

    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        ck_assert_msg(!fxi_json_valid(twice[i], strlen(twice[i]), &error), "%s", twice[i]);
        ck_assert_int_eq(error.code, FXMON_E_MALFORMED);
    }
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        ck_assert_msg(fxi_json_valid(once[i], strlen(once[i]), &error), "%s", once[i]);
    }
    fxi_json_valid("{\"rate\":1,\"rate\":2}", 19, &error);
    ck_assert_str_eq(error.field, "rate");
}
END_TEST

/* {"n0":0,"n1":0,...}, with `again` standing once more at the end; every other name escaped */
static char *many_names(int count, int again, size_t *length)
{
    char *text = malloc((size_t)count * 24 + 40);
    size_t at = 0;

    text[at++] = '{';
    for (int i = 0; i <= count; i++) {
        int number = i == count ? again : i;
        if (number < 0) {
            break;
        }
        at += (size_t)sprintf(text + at, "%s\"%s%d\":0", i == 0 ? "" : ",", i % 2 == 0 ? "n" : "\\u006e", number);
    }
    text[at++] = '}';
    *length = at;
    return text;
}

START_TEST(duplicates_among_many_and_without_memory)
{
    size_t length;
    char *text;

    failing_allocator_install();
    for (int count = 1; count < 400; count += 7) {
        text = many_names(count, -1, &length);
        ck_assert(fxi_json_valid(text, length, NULL));
        free(text);
        text = many_names(count, count / 2, &length);
        ck_assert(!fxi_json_valid(text, length, NULL));
        free(text);
    }
    text = many_names(300, -1, &length);
    for (long nth = 1;; nth++) {
        fxmon_error error = {0};
        bool valid, reached;

        failing_allocator_fail(nth);
        valid = fxi_json_valid(text, length, &error);
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        ck_assert_int_eq(valid, !reached);
        ck_assert_int_eq(error.code, reached ? FXMON_E_NOMEM : FXMON_OK);
        if (!reached) {
            ck_assert_int_gt(nth, 1);
            break;
        }
    }
    free(text);
}
END_TEST

START_TEST(pulling)
{
    static const char text[] = " {\"a\" : [1, -2.50e+3,{\"x\":null}], \"b\\n\":\"v\\u00e9\", \"c\":true,\"d\":false} ";
    fxi_json_span root, span;
    char out[8];
    fxi_json j;

    fxi_json_init(&j, text, sizeof text - 1);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_OBJECT);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_NAME);
    ck_assert(fxi_json_is(&j, "a"));
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_ARRAY);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_NUMBER);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_NUMBER);
    ck_assert_int_eq(j.length, 8);
    ck_assert_mem_eq(j.text, "-2.50e+3", 8);
    ck_assert_int_eq(fxi_json_skip(&j), 0); /* the object */
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_ARRAY_END);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_NAME);
    ck_assert(j.escaped && fxi_json_is(&j, "b\n") && !fxi_json_is(&j, "b"));
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_STRING);
    ck_assert_int_eq(fxi_json_string(&j, out, 4), 3);
    ck_assert_str_eq(out, "v\xc3\xa9");
    ck_assert_int_eq(fxi_json_string(&j, out, 3), -1);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_NAME);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_TRUE);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_NAME);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_FALSE);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_OBJECT_END);
    ck_assert_int_eq(fxi_json_next(&j), FXI_JSON_END);
    fxi_json_init(&j, text, sizeof text - 1);
    ck_assert_int_eq(fxi_json_value(&j, &root), FXI_JSON_OBJECT);
    ck_assert(fxi_json_find(&root, "b\n", &span) && fxi_json_span_is(&span, "v\xc3\xa9"));
    ck_assert(!fxi_json_find(&root, "x", &span) && span.type == 0);
    ck_assert(fxi_json_find(&root, "a", &span) && span.type == FXI_JSON_ARRAY && !fxi_json_find(&span, "x", &span));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("json");

    tcase_add_loop_test(tests, accepts, 0, sizeof accepted / sizeof *accepted);
    tcase_add_loop_test(tests, refuses, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tests, agrees_with_jansson);
    tcase_add_test(tests, strings_equal_jansson);
    tcase_add_test(tests, deep_input_is_refused_at_once);
    tcase_add_test(tests, duplicates);
    tcase_add_test(tests, duplicates_among_many_and_without_memory);
    tcase_add_test(tests, pulling);
    return support_run("json", tests);
}
