/* The option table and the values of a handle. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/option.h"

START_TEST(table_is_well_formed)
{
    for (size_t i = 0; fxmon_option_at(i); i++) {
        const fxmon_option_info *row = fxmon_option_at(i);
        fxmon_error error;
        ck_assert_msg(row->programs != 0 && row->text && strlen(row->text) > 20, "%s", row->name);
        ck_assert_msg(row->text[strlen(row->text) - 1] == '.', "%s: the text is no sentence", row->name);
        ck_assert_msg((row->type == FXMON_TYPE_BOOL) == (row->argument == NULL), "%s", row->name);
        ck_assert_msg((row->type == FXMON_TYPE_CHOICE) == (row->choices != NULL), "%s", row->name);
        ck_assert_msg(fxmon_option_find(row->name) == row, "%s stands twice", row->name);
        if (row->initial)
            ck_assert_msg(fxmon_option_check(row->name, row->initial, &error) == FXMON_OK, "%s", error.text);
        if (row->minimum)
            ck_assert_msg(fxmon_option_check(row->name, row->minimum, &error) == FXMON_OK, "%s", error.text);
        if (row->maximum)
            ck_assert_msg(fxmon_option_check(row->name, row->maximum, &error) == FXMON_OK, "%s", error.text);
    }
}
END_TEST

static const struct {
    const char *name, *value;
    int code;
    const char *says;
} cases[] = {
    {"interval", "30s", FXMON_OK, NULL},
    {"interval", "999ms", FXMON_E_RANGE, "below the minimum of 1s"},
    {"interval", "8d", FXMON_E_RANGE, "above the maximum of 7d"},
    {"interval", "soon", FXMON_E_SYNTAX, "\"soon\" is not a duration"},
    {"batch", "12.5", FXMON_E_SYNTAX, "not a whole number"},
    {"batch", "0", FXMON_E_RANGE, "below the minimum of 1"},
    {"segment-bytes", "16MiB", FXMON_OK, NULL},
    {"segment-bytes", "16 apples", FXMON_E_SYNTAX, "not a size"},
    {"sync", "none", FXMON_OK, NULL},
    {"sync", "non", FXMON_E_SYNTAX, "none of: batch none"},
    {"sync", "batch none", FXMON_E_SYNTAX, "none of: batch none"},
    {"once", "yes", FXMON_OK, NULL},
    {"once", "perhaps", FXMON_E_SYNTAX, "neither yes nor no"},
    {"base", "", FXMON_E_SYNTAX, "empty"},
    {"intervall", "30s", FXMON_E_OPTION, "did you mean \"interval\"?"},
    {"zzzzzz", "1", FXMON_E_OPTION, "unknown option \"zzzzzz\""},
};

START_TEST(values_are_checked)
{
    fxmon_error error = {0};
    int code = fxmon_option_check(cases[_i].name, cases[_i].value, &error);
    ck_assert_msg(code == cases[_i].code, "%s = %s: %s, %s", cases[_i].name, cases[_i].value, fxmon_errname(code), error.text);
    if (cases[_i].says) {
        ck_assert_msg(strstr(error.text, cases[_i].says) != NULL, "%s", error.text);
        ck_assert_str_eq(error.field, cases[_i].name);
    }
    ck_assert_int_eq(fxmon_option_check(cases[_i].name, cases[_i].value, NULL), cases[_i].code);
}
END_TEST

START_TEST(values_are_kept)
{
    fxi_options *o = fxi_options_new();
    ck_assert_str_eq(fxi_options_get(o, "interval"), "30s");
    ck_assert_ptr_null(fxi_options_get(o, "to"));
    ck_assert_int_eq(fxi_options_set(o, "interval", "1m", NULL), FXMON_OK);
    ck_assert_str_eq(fxi_options_get(o, "interval"), "1m");
    ck_assert_int_eq(fxi_options_set(o, "interval", "x", NULL), FXMON_E_SYNTAX);
    ck_assert_str_eq(fxi_options_get(o, "interval"), "1m");
    ck_assert_int_eq(fxi_options_set(o, "interval", NULL, NULL), FXMON_OK);
    ck_assert_str_eq(fxi_options_get(o, "interval"), "30s");
    ck_assert_int_eq(fxi_options_set(o, "sink", "-", NULL), FXMON_OK);
    ck_assert_int_eq(fxi_options_set(o, "sink", "sqlite:fx.db", NULL), FXMON_OK);
    ck_assert_str_eq(fxi_options_get(o, "sink"), "-\nsqlite:fx.db");
    ck_assert_int_eq(fxi_options_set(o, "api-key", "secret", NULL), FXMON_OK);
    ck_assert_int_eq(fxi_options_set(o, "nonsense", NULL, NULL), FXMON_E_OPTION);
    ck_assert_int_eq(fxi_options_set(o, NULL, NULL, NULL), FXMON_E_OPTION);
    fxi_options_free(o);
    fxi_options_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("option");
    TCase *tcase = tcase_create("option");
    tcase_add_test(tcase, table_is_well_formed);
    tcase_add_loop_test(tcase, values_are_checked, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tcase, values_are_kept);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
