/* tests/unit/test_registry.c - from a scheme to a driver: the host's and the built-in ones, names nearly right, drivers that a build leaves out. */
#include "../support/support.h"

#include "lane/registry.h"

#include <string.h>

static fxi_registry registry;
static fxmon_error error;

static void set_up(void)
{
    memset(&registry, 0, sizeof registry);
}

static void tear_down(void)
{
    fxi_registry_free(&registry);
}

START_TEST(host_drivers_are_found)
{
    static const fxmon_sink_ops mine = {.size = sizeof mine, .schemes = "mine mine+tls"}, other = {.size = sizeof other, .schemes = "other mine"};
    static const char *const urls[] = {"mine:x", "MINE://host/", "mine+tls://h", "mine"};
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SINK, &mine, &error), FXMON_OK);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        ck_assert_ptr_eq(fxi_registry_find(&registry, FXI_KIND_SINK, urls[i], "sink", &error), &mine);
    ck_assert_ptr_null(fxi_registry_lookup(&registry, FXI_KIND_SINK, "min:x"));
    ck_assert_ptr_null(fxi_registry_lookup(&registry, FXI_KIND_SINK, "minee"));
    ck_assert_ptr_null(fxi_registry_lookup(&registry, FXI_KIND_SOURCE, "mine:x")); /* a kind is a world of its own */
    ck_assert_ptr_null(fxi_registry_lookup(NULL, FXI_KIND_SINK, "mine:x"));
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SINK, &other, &error), FXMON_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(error.text, "\"mine\""));
    ck_assert_ptr_null(fxi_registry_lookup(&registry, FXI_KIND_SINK, "other:"));
}
END_TEST

START_TEST(built_in_drivers_are_found_and_keep_their_schemes)
{
    static const struct {
        enum fxi_kind kind;
        const char *url;
    } known[] = {{FXI_KIND_SOURCE, "sim:"},      {FXI_KIND_SOURCE, "replay:x"}, {FXI_KIND_SOURCE, "ecb"},   {FXI_KIND_SOURCE, "https://h/"},
                 {FXI_KIND_SOURCE, "exec:true"}, {FXI_KIND_STREAM, "file:log"}, {FXI_KIND_STREAM, "-"},     {FXI_KIND_STORE, "sqlite:fx.db"},
                 {FXI_KIND_SINK, "-"},           {FXI_KIND_SINK, "file:x.csv"}, {FXI_KIND_NOTIFY, "exec:x"}, {FXI_KIND_NOTIFY, "-"}};
    static const fxmon_source_ops taken = {.size = sizeof taken, .schemes = "mysim sim"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        ck_assert_msg(fxi_registry_lookup(&registry, known[i].kind, known[i].url) != NULL, "%s", known[i].url);
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SOURCE, &taken, &error), FXMON_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(error.text, "\"sim\""));
    for (int kind = 0; kind < FXI_KINDS; kind++)
        for (size_t i = 0; fxi_builtin_at((enum fxi_kind)kind, i); i++) {
            ck_assert_uint_gt(fxi_builtin_at((enum fxi_kind)kind, i)->size, sizeof(fxi_driver));
            ck_assert_uint_gt(strlen(fxi_builtin_at((enum fxi_kind)kind, i)->schemes), 0);
        }
}
END_TEST

/* Unknown is bad configuration, and the nearest name is one that fits at this place. */
START_TEST(unknown_names)
{
    static const fxmon_sink_ops host = {.size = sizeof host, .schemes = "warehouse"};
    static const struct {
        enum fxi_kind kind;
        const char *url, *option, *near; /* NULL: none is near */
    } cases[] = {{FXI_KIND_SINK, "sqlit:fx.db", "sink", "sqlite"},     {FXI_KIND_STORE, "sqlte:fx.db", "store", "sqlite"},
                 {FXI_KIND_STREAM, "sqlit:fx.db", "from", NULL},       {FXI_KIND_STREAM, "fille:log", "from", "file"},
                 {FXI_KIND_SINK, "warehose:x", "sink", "warehouse"},   {FXI_KIND_SOURCE, "warehose:x", "from", NULL},
                 {FXI_KIND_SOURCE, "franfurter", "from", "frankfurter"}, {FXI_KIND_SOURCE, "simm:?seed=1", "from", "sim"},
                 {FXI_KIND_NOTIFY, "exek:x", "notify", "exec"},        {FXI_KIND_SINK, "", "sink", NULL},
                 {FXI_KIND_SINK, ":", "sink", NULL},                   {FXI_KIND_SINK, NULL, "sink", NULL}};
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SINK, &host, &error), FXMON_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&error, 0, sizeof error);
        ck_assert_ptr_null(fxi_registry_find(&registry, cases[i].kind, cases[i].url, cases[i].option, &error));
        ck_assert_int_eq(error.code, FXMON_E_CONFIG);
        ck_assert_int_eq(fxmon_exit_status(error.code), 3);
        ck_assert_str_eq(error.field, cases[i].option);
        const char *meant = strstr(error.text, "did you mean \"");
        ck_assert_msg((meant != NULL) == (cases[i].near != NULL), "%s", error.text);
        if (meant)
            ck_assert_msg(strncmp(meant + 14, cases[i].near, strlen(cases[i].near)) == 0 && meant[14 + strlen(cases[i].near)] == '"', "%s", error.text);
    }
}
END_TEST

START_TEST(left_out_drivers_say_so)
{
    static const fxmon_store_ops absent = {.size = sizeof absent, .schemes = "absent", .unsupported = "built without libabsent"};
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_STORE, &absent, &error), FXMON_OK);
    ck_assert_ptr_nonnull(fxi_registry_lookup(&registry, FXI_KIND_STORE, "absent://h/db")); /* known ... */
    ck_assert_ptr_null(fxi_registry_find(&registry, FXI_KIND_STORE, "absent://me:hush@h/db", "store", &error));
    ck_assert_int_eq(error.code, FXMON_E_UNSUPPORTED); /* ... and not to be had */
    ck_assert_int_eq(fxmon_exit_status(error.code), 3);
    ck_assert_ptr_nonnull(strstr(error.text, "built without libabsent"));
    ck_assert_ptr_null(strstr(error.text, "hush"));
    ck_assert_ptr_null(fxi_registry_find(&registry, FXI_KIND_STORE, "absnt://me:hush@h/db", "store", &error));
    ck_assert_ptr_null(strstr(error.text, "hush"));
}
END_TEST

START_TEST(tables_that_cannot_be_used)
{
    static const fxmon_sink_ops no_size = {.schemes = "x"}, no_scheme = {.size = sizeof no_scheme, .schemes = ""}, null_scheme = {.size = sizeof null_scheme},
                                too_long = {.size = sizeof too_long,
                                            .schemes = "a-scheme-that-is-longer-than-any-that-a-person-would-ever-like-to-type"};
    const void *const bad[] = {NULL, &no_size, &no_scheme, &null_scheme, &too_long};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SINK, bad[i], &error), FXMON_E_ARGUMENT);
        ck_assert(error.text[0]);
    }
    ck_assert_uint_eq(registry.count[FXI_KIND_SINK], 0);
}
END_TEST

START_TEST(many_drivers)
{
    static char names[300][8];
    static fxmon_sink_ops ops[300];
    for (int i = 0; i < 300; i++) {
        memcpy(names[i], "s000", 5);
        names[i][1] = (char)('0' + i / 100), names[i][2] = (char)('0' + i / 10 % 10), names[i][3] = (char)('0' + i % 10);
        ops[i] = (fxmon_sink_ops){.size = sizeof ops[i], .schemes = names[i]};
        ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SINK, &ops[i], &error), FXMON_OK);
    }
    for (int i = 0; i < 300; i++)
        ck_assert_ptr_eq(fxi_registry_find(&registry, FXI_KIND_SINK, names[i], "sink", &error), &ops[i]);
    ck_assert_ptr_null(fxi_registry_find(&registry, FXI_KIND_SINK, "s0000:", "sink", &error)); /* more names than are compared: still an answer */
    ck_assert_int_eq(error.code, FXMON_E_CONFIG);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("registry");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, host_drivers_are_found);
    tcase_add_test(tests, built_in_drivers_are_found_and_keep_their_schemes);
    tcase_add_test(tests, unknown_names);
    tcase_add_test(tests, left_out_drivers_say_so);
    tcase_add_test(tests, tables_that_cannot_be_used);
    tcase_add_test(tests, many_drivers);
    return support_run("registry", tests);
}
