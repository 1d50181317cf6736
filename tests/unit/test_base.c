/* Memory, buffer, errors, map, random numbers, hashes, values. */
#include "../support/support.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "base/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(allocator_once)
{
    failing_allocator_install();
    failing_allocator_fail(2);
    void *first = fxi_alloc(10);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(fxi_alloc(10));
    ck_assert(failing_allocator_failed());
    ck_assert_int_eq(failing_allocator_alive(), 1);
    fxmon_free_memory(first);
    fxmon_free_memory(NULL);
    ck_assert_int_eq(failing_allocator_alive(), 0);
    fxmon_allocator none = {NULL, NULL, NULL, NULL};
    ck_assert_int_eq(fxmon_allocator_set(&none), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_allocator_set(NULL), FXMON_E_ARGUMENT);
}
END_TEST

static void *refuse(void *user, size_t size)
{
    (void)user;
    (void)size;
    return NULL;
}
static void *refuse_resize(void *user, void *old, size_t size)
{
    (void)old;
    return refuse(user, size);
}
static void drop(void *user, void *old)
{
    (void)user;
    free(old);
}

START_TEST(allocator_too_late)
{
    fxi_free(fxi_alloc(1));
    ck_assert_int_eq(fxmon_allocator_set(&(fxmon_allocator){refuse, refuse_resize, drop, NULL}), FXMON_E_STATE);
}
END_TEST

START_TEST(memory_sizes)
{
    ck_assert_ptr_null(fxi_alloc(SIZE_MAX));
    ck_assert_ptr_null(fxi_calloc(SIZE_MAX / 2, 3));
    size_t capacity = 0;
    int *items = fxi_grow(NULL, &capacity, 3, sizeof(*items));
    ck_assert_ptr_nonnull(items);
    ck_assert_uint_ge(capacity, 3);
    ck_assert_ptr_eq(fxi_grow(items, &capacity, capacity, sizeof(*items)), items);
    size_t before = capacity;
    ck_assert_ptr_null(fxi_grow(items, &capacity, SIZE_MAX / 2, sizeof(*items)));
    ck_assert_uint_eq(capacity, before);
    fxi_free(items);
    char *text = fxi_strndup("USD/EUR", 3);
    ck_assert_str_eq(text, "USD");
    fxi_free(text);
    ck_assert_ptr_null(fxi_strdup(NULL));
}
END_TEST

START_TEST(buffer_text)
{
    fxi_buf b;
    fxi_buf_init(&b, 1000);
    fxi_buf_puts(&b, "a");
    fxi_buf_putc(&b, ' ');
    fxi_buf_int(&b, INT64_MIN);
    fxi_buf_putc(&b, ' ');
    fxi_buf_decimal(&b, (fxmon_decimal){8470, 4});
    fxi_buf_putc(&b, ' ');
    fxi_buf_double(&b, NAN);
    fxi_buf_putc(&b, ' ');
    fxi_buf_time(&b, 0);
    fxi_buf_printf(&b, " %s %d", "x", 7);
    ck_assert_str_eq(b.data, "a -9223372036854775808 0.8470 null 1970-01-01T00:00:00Z x 7");
    ck_assert_uint_eq(b.length, strlen(b.data));
    fxi_buf_clear(&b);
    fxi_buf_json(&b, "a\"\\\n\x01\xC3\xA9\xC0\xAF\xED\xA0\x80\xF0\x9F\x92\xB6", 16);
    ck_assert_str_eq(b.data, "\"a\\\"\\\\\\n\\u0001\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x92\xB6\"");
    fxi_buf_jsonz(&b, NULL);
    char *taken = fxi_buf_take(&b);
    ck_assert(strstr(taken, "\"null") != NULL);
    fxi_free(taken);
    ck_assert_ptr_null(b.data);
    taken = fxi_buf_take(&b);
    ck_assert_str_eq(taken, "");
    fxi_free(taken);
}
END_TEST

/* Every byte at every place of a longer text is written as it is on its own. */
START_TEST(buffer_json_bytes)
{
    fxi_buf alone, text;
    fxi_buf_init(&alone, 100);
    fxi_buf_init(&text, 100);
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        fxi_buf_clear(&alone);
        fxi_buf_json(&alone, &c, 1);
        for (size_t place = 0; place < 20; place++) {
            char plain[21], expected[64];
            memcpy(plain, "ABCDEFGHIJKLMNOPQRST", sizeof(plain));
            snprintf(expected, sizeof(expected), "\"%.*s%.*s%s\"", (int)place, plain, (int)alone.length - 2, alone.data + 1, plain + place + 1);
            plain[place] = c;
            fxi_buf_clear(&text);
            fxi_buf_json(&text, plain, 20);
            ck_assert_str_eq(text.data, expected);
        }
    }
    fxi_buf_free(&alone);
    fxi_buf_free(&text);
}
END_TEST

/* At every maximum: filled to the last byte, and never past it. */
START_TEST(buffer_maximum)
{
    for (size_t maximum = 0; maximum < 200; maximum++) {
        fxi_buf b;
        fxi_buf_init(&b, maximum);
        size_t written = 0;
        while (fxi_buf_decimal(&b, (fxmon_decimal){8470, 4})) {
            written += 6;
        }
        ck_assert(b.failed);
        ck_assert_uint_eq(b.length, written);
        ck_assert_uint_eq(written, maximum / 6 * 6);
        ck_assert(!fxi_buf_putc(&b, 'x')); /* nothing after a failure */
        ck_assert_ptr_null(fxi_buf_take(&b));
        fxi_buf_init(&b, maximum);
        for (size_t i = 0; i < maximum; i++) {
            ck_assert(fxi_buf_putc(&b, 'x'));
        }
        ck_assert(!fxi_buf_putc(&b, 'x'));
        fxi_buf_free(&b);
    }
}
END_TEST

START_TEST(buffer_without_memory)
{
    failing_allocator_install();
    for (long nth = 1;; nth++) {
        fxi_buf b;
        fxi_buf_init(&b, 100000);
        failing_allocator_fail(nth);
        bool fine = true;
        for (int i = 0; i < 1000; i++) {
            fine = fxi_buf_puts(&b, "0123456789") && fine;
        }
        bool reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(fine, !reached);
        char *text = fxi_buf_take(&b);
        ck_assert_int_eq(text == NULL, reached);
        fxi_free(text);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        if (!reached) {
            break;
        }
    }
}
END_TEST

START_TEST(error_table)
{
    static const int values[] = {
#define ROW(id, value, name, text, retriable, exit) value,
        FXMON_ERROR_MAP(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ck_assert_int_eq(values[i], (int)i);
        for (size_t j = 0; j < i; j++) {
            ck_assert_str_ne(fxmon_errname(values[i]), fxmon_errname(values[j]));
        }
        ck_assert_int_ge(fxmon_exit_status(values[i]), 0);
        ck_assert_int_le(fxmon_exit_status(values[i]), 4);
    }
    ck_assert_str_eq(fxmon_strerror(FXMON_E_PAIR), "not a currency pair");
    ck_assert_str_eq(fxmon_errname(FXMON_E_QUOTA), "quota_exhausted");
    ck_assert(fxmon_retriable(FXMON_E_NETWORK) && !fxmon_retriable(FXMON_E_FENCED));
    ck_assert_int_eq(fxmon_exit_status(FXMON_E_CONFIG), 3);
    ck_assert_str_eq(fxmon_strerror(-5), "unknown error");
    ck_assert_str_eq(fxmon_errname(9999), "unknown");
    ck_assert_int_eq(fxmon_exit_status(9999), 1);
    ck_assert_str_eq(fxmon_version(), FXMON_VERSION_STRING);
}
END_TEST

START_TEST(error_texts)
{
    fxmon_error error;
    ck_assert_int_eq(fxi_fail(&error, FXMON_E_RANGE, "threshold", "%s is bad\n\x1b[31m", "x"), FXMON_E_RANGE);
    ck_assert_str_eq(error.text, "x is bad??[31m");
    ck_assert_str_eq(error.field, "threshold");
    fxi_fail(&error, FXMON_E_CONFIG, error.field, "%s: %s", error.field, error.text); /* wrapping an earlier one */
    ck_assert_str_eq(error.text, "threshold: x is bad??[31m");
    ck_assert_str_eq(error.field, "threshold");
    char endless[1000];
    memset(endless, 'a', sizeof(endless));
    memcpy(endless + sizeof(error.text) - 2, "\xC3\xA9", 2); /* a character over the border */
    endless[sizeof(endless) - 1] = '\0';
    fxi_fail(&error, FXMON_E_IO, NULL, "%s", endless);
    ck_assert_uint_eq(strlen(error.text), sizeof(error.text) - 2);
    ck_assert(fxi_utf8_valid(error.text, strlen(error.text)));
    ck_assert_int_eq(fxi_fail(NULL, FXMON_E_IO, NULL, "x"), FXMON_E_IO);
    ck_assert_int_eq(fxi_fail_errno(&error, ENOSPC, "writing", "log"), FXMON_E_DISK_FULL);
    ck_assert(strncmp(error.text, "writing log: ", 13) == 0);
    ck_assert_int_eq(fxi_fail_errno(&error, ENOENT, "opening", NULL), FXMON_E_NOT_FOUND);
    fxi_error_clear(&error);
    ck_assert_int_eq(error.code, FXMON_OK);
}
END_TEST

START_TEST(map_like_an_array)
{
    static const size_t sizes[] = {1, 3, 8, 16, 40, 64};
    fxi_random r;
    property_seed(&r, "map_like_an_array");
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        enum { KEYS = 250 };
        fxi_map *map = fxi_map_new(sizes[k]);
        bool there[KEYS] = {false};
        uint64_t values[KEYS] = {0};
        size_t count = 0;
        for (long i = property_cases(20000); i > 0; i--) {
            char key[64] = {0};
            unsigned n = (unsigned)fxi_random_below(&r, KEYS);
            key[0] = (char)n;
            key[sizes[k] - 1] = (char)n;
            uint64_t got = 0;
            switch (fxi_random_below(&r, 3)) {
            case 0:
                ck_assert_int_eq(fxi_map_remove(map, key), there[n]);
                count -= there[n];
                there[n] = false;
                break;
            case 1:
                values[n] = fxi_random_next(&r);
                ck_assert_int_eq(fxi_map_put(map, key, values[n]), FXMON_OK);
                count += !there[n];
                there[n] = true;
                break;
            default:
                ck_assert_int_eq(fxi_map_get(map, key, &got), there[n]);
                ck_assert(!there[n] || got == values[n]);
            }
            ck_assert_uint_eq(fxi_map_count(map), count);
        }
        const void *key;
        uint64_t value;
        size_t seen = 0;
        while (fxi_map_at(map, seen, &key, &value)) {
            unsigned n = *(const unsigned char *)key;
            ck_assert(there[n] && values[n] == value);
            seen++;
        }
        ck_assert_uint_eq(seen, count);
        fxi_map_free(map);
    }
    ck_assert_ptr_null(fxi_map_new(0));
    ck_assert_ptr_null(fxi_map_new(65));
}
END_TEST

START_TEST(map_without_memory)
{
    failing_allocator_install();
    for (long nth = 1;; nth++) {
        failing_allocator_fail(nth);
        fxi_map *map = fxi_map_new(8);
        uint64_t stored = 0;
        while (map != NULL && stored < 200) {
            if (fxi_map_put(map, &stored, stored) != FXMON_OK) {
                ck_assert(!fxi_map_get(map, &stored, NULL)); /* unchanged */
                ck_assert_uint_eq(fxi_map_count(map), stored);
                continue; /* only one allocation fails */
            }
            stored++;
        }
        bool reached = failing_allocator_failed();
        ck_assert(map != NULL || reached);
        for (uint64_t i = 0, value; map != NULL && i < stored; i++) {
            ck_assert(fxi_map_get(map, &i, &value) && value == i);
        }
        fxi_map_free(map);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        if (!reached) {
            break;
        }
    }
}
END_TEST

START_TEST(random_numbers)
{
    /* the outputs of xoshiro256** from the state 1, 2, 3, 4, as its authors' code gives them */
    fxi_random r = {{1, 2, 3, 4}};
    ck_assert_uint_eq(fxi_random_next(&r), 11520u);
    ck_assert_uint_eq(fxi_random_next(&r), 0u);
    ck_assert_uint_eq(fxi_random_next(&r), 1509978240u);
    fxi_random_seed(&r, 42);
    double sum = 0, squares = 0, fourth = 0;
    long count = 200000, seen[7] = {0};
    for (long i = 0; i < count; i++) {
        double x = fxi_random_normal(&r), u = fxi_random_unit(&r);
        ck_assert(u >= 0 && u < 1);
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
        seen[fxi_random_below(&r, 7)]++;
    }
    ck_assert(fabs(sum / (double)count) < 0.01);
    ck_assert(fabs(squares / (double)count - 1) < 0.02);
    ck_assert(fabs(fourth / (double)count - 3) < 0.15);
    for (int i = 0; i < 7; i++) {
        ck_assert(labs(seen[i] - count / 7) < 1000);
    }
}
END_TEST

START_TEST(hashes)
{
    static const struct {
        size_t length;
        const char *hex;
    } known[] = {/* of that many letters a */
                 {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                 {3, "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"},
                 {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
                 {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
                 {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
                 {1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"}};
    char text[1000], hex[65];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t out[32];
        fxi_sha256(text, known[i].length, out);
        for (int j = 0; j < 32; j++) {
            snprintf(hex + 2 * j, 3, "%02x", out[j]);
        }
        ck_assert_str_eq(hex, known[i].hex);
    }
}
END_TEST

static void check_duration(const char *text, int code, int64_t expected)
{
    int64_t ns = -1;
    ck_assert_msg(fxmon_duration_parse(text, strlen(text), &ns) == code, "%s", text);
    ck_assert_msg(ns == (code == FXMON_OK ? expected : -1), "%s: %lld", text, (long long)ns);
}

START_TEST(durations)
{
    check_duration("30s", FXMON_OK, 30 * FXMON_SECOND);
    check_duration("30", FXMON_OK, 30 * FXMON_SECOND);
    check_duration("0", FXMON_OK, 0);
    check_duration("250ms", FXMON_OK, 250000000);
    check_duration("1h30m", FXMON_OK, 5400 * FXMON_SECOND);
    check_duration("1.5h", FXMON_OK, 5400 * FXMON_SECOND);
    check_duration("0.5", FXMON_OK, FXMON_SECOND / 2);
    check_duration("2d", FXMON_OK, 172800 * FXMON_SECOND);
    check_duration("1M", FXMON_OK, 60 * FXMON_SECOND);
    check_duration("05m", FXMON_OK, 300 * FXMON_SECOND);
    check_duration("", FXMON_E_SYNTAX, 0);
    check_duration("s", FXMON_E_SYNTAX, 0);
    check_duration("-1s", FXMON_E_SYNTAX, 0);
    check_duration("1 s", FXMON_E_SYNTAX, 0);
    check_duration("1x", FXMON_E_SYNTAX, 0);
    check_duration("30m1h", FXMON_E_SYNTAX, 0);
    check_duration("1h30", FXMON_E_SYNTAX, 0);
    check_duration("0.5ns", FXMON_E_RANGE, 0);
    check_duration("300000d", FXMON_E_RANGE, 0);
    fxi_random r;
    property_seed(&r, "durations");
    for (int i = 0; i < 20000; i++) {
        int64_t ns = property_integer(&r), back;
        ns = ns < 0 ? -(ns + 1) : ns;
        char text[128];
        size_t length = fxi_duration_format(ns, text, sizeof(text));
        ck_assert_uint_eq(length, strlen(text));
        ck_assert_int_eq(fxmon_duration_parse(text, length, &back), FXMON_OK);
        ck_assert_int_eq(back, ns);
    }
    char small[4];
    ck_assert_uint_eq(fxi_duration_format(5400 * FXMON_SECOND, small, sizeof(small)), 5);
    ck_assert_str_eq(small, "1h3");
}
END_TEST

START_TEST(values)
{
    int64_t n = 0;
    bool b = false;
    ck_assert(fxi_size_parse("65536", 5, &n) == FXMON_OK && n == 65536);
    ck_assert(fxi_size_parse("64k", 3, &n) == FXMON_OK && n == 65536);
    ck_assert(fxi_size_parse("16MiB", 5, &n) == FXMON_OK && n == 16 << 20);
    ck_assert(fxi_size_parse("1GB", 3, &n) == FXMON_OK && n == 1 << 30);
    ck_assert(fxi_size_parse("1.5K", 4, &n) == FXMON_OK && n == 1536);
    ck_assert_int_eq(fxi_size_parse("1x", 2, &n), FXMON_E_SYNTAX);
    ck_assert_int_eq(fxi_size_parse("", 0, &n), FXMON_E_SYNTAX);
    ck_assert_int_eq(fxi_size_parse("9999999999T", 11, &n), FXMON_E_RANGE);
    ck_assert_int_eq(fxi_size_parse("0.3", 3, &n), FXMON_E_RANGE);
    ck_assert(fxi_integer_parse("-42", 3, &n) == FXMON_OK && n == -42);
    ck_assert_int_eq(fxi_integer_parse("4.2", 3, &n), FXMON_E_SYNTAX);
    ck_assert_int_eq(fxi_integer_parse("1e3", 3, &n), FXMON_E_SYNTAX);
    ck_assert_int_eq(fxi_integer_parse("9223372036854775808", 19, &n), FXMON_E_RANGE);
    ck_assert(fxi_bool_parse("Yes", 3, &b) == FXMON_OK && b);
    ck_assert(fxi_bool_parse("off", 3, &b) == FXMON_OK && !b);
    ck_assert_int_eq(fxi_bool_parse("maybe", 5, &b), FXMON_E_SYNTAX);
    static const char *const names[] = {"interval", "threshold", "source", NULL};
    ck_assert_str_eq(fxi_nearest("intervall", names), "interval");
    ck_assert_str_eq(fxi_nearest("treshold", names), "threshold");
    ck_assert_str_eq(fxi_nearest("suorce", names), "source");
    ck_assert_ptr_null(fxi_nearest("banana", names));
    ck_assert_ptr_null(fxi_nearest("", names));
}
END_TEST

static int64_t now_is;
static int lines;
static char last_line[600];
static int64_t read_now(void *user)
{
    (void)user;
    return now_is;
}
static void keep_line(void *user, int level, const char *component, const char *text)
{
    (void)user;
    (void)level;
    (void)component;
    lines++;
    snprintf(last_line, sizeof(last_line), "%s", text);
}

START_TEST(complaints)
{
    fxmon_env env = {.size = sizeof(env), .now = read_now, .monotonic = read_now, .log = keep_line};
    fxi_complaint c = {0};
    fxi_relieve(&c, &env, "test", "it works");
    ck_assert_int_eq(lines, 0);
    for (now_is = 0; now_is < 150 * FXMON_SECOND; now_is += FXMON_SECOND) {
        fxi_complain(&c, &env, "test", "no answer\n");
    }
    ck_assert_int_eq(lines, 3); /* at 0, 60 and 120 seconds */
    ck_assert_str_eq(last_line, "no answer? (for 2m, 121 times)");
    fxi_relieve(&c, &env, "test", "it works");
    ck_assert_int_eq(lines, 4);
    ck_assert_str_eq(last_line, "it works again after 2m30s (150 failures)");
    /* another cause is not muted for a minute; other numbers are no other cause; causes that take turns are said every five seconds */
    lines = 0;
    fxi_complain(&c, &env, "test", "port %d refused", 1);
    now_is += FXMON_SECOND;
    fxi_complain(&c, &env, "test", "no such certificate");
    ck_assert_int_eq(lines, 1);
    now_is += 4 * FXMON_SECOND;
    fxi_complain(&c, &env, "test", "port %d refused", 22);
    ck_assert_int_eq(lines, 1);
    fxi_complain(&c, &env, "test", "no such certificate");
    ck_assert_int_eq(lines, 2);
    ck_assert_str_eq(last_line, "no such certificate (for 5s, 4 times)");
    for (int i = 0; i < 100; i++, now_is += FXMON_SECOND / 10) {
        fxi_complain(&c, &env, "test", i % 2 ? "one" : "other");
    }
    ck_assert_int_le(lines, 4);
    fxi_log(NULL, FXMON_LOG_ERROR, "test", "nobody listens");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("base");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, allocator_once);
    tcase_add_test(tests, allocator_too_late);
    tcase_add_test(tests, memory_sizes);
    tcase_add_test(tests, buffer_text);
    tcase_add_test(tests, buffer_json_bytes);
    tcase_add_test(tests, buffer_maximum);
    tcase_add_test(tests, buffer_without_memory);
    tcase_add_test(tests, error_table);
    tcase_add_test(tests, error_texts);
    tcase_add_test(tests, map_like_an_array);
    tcase_add_test(tests, map_without_memory);
    tcase_add_test(tests, random_numbers);
    tcase_add_test(tests, hashes);
    tcase_add_test(tests, durations);
    tcase_add_test(tests, values);
    tcase_add_test(tests, complaints);
    return support_run("base", tests);
}
