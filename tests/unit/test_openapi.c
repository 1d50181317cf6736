/* The OpenAPI document and the table of routes say the same, both ways; and the document is whole: every reference leads somewhere. */
#include "../support/support.h"
#include "serve/serve.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>

static json_t *document(void)
{
    fxi_buf out;
    json_error_t where;
    json_t *doc;
    fxi_buf_init(&out, 1 << 20);
    ck_assert(fxi_openapi_encode(&out));
    doc = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, &where);
    ck_assert_msg(doc != NULL, "%s at byte %d: %.80s", where.text, where.position, out.data + (where.position > 40 ? where.position - 40 : 0));
    fxi_buf_free(&out);
    return doc;
}

static json_t *operation(json_t *doc, const fxi_route *route, bool versioned)
{
    char path[128], method[16];
    size_t n = 0;
    for (; route->method[n]; n++)
        method[n] = (char)tolower((unsigned char)route->method[n]);
    method[n] = '\0';
    snprintf(path, sizeof path, "%s%s", versioned ? "/api/v1" : "", route->pattern);
    return json_object_get(json_object_get(json_object_get(doc, "paths"), path), method);
}

START_TEST(test_every_route_is_described)
{
    json_t *doc = document();
    for (size_t i = 0; i < fxi_route_count; i++) {
        const fxi_route *route = &fxi_routes[i];
        for (int versioned = 0; versioned <= route->versioned; versioned++) {
            json_t *o = operation(doc, route, versioned), *parameters = json_object_get(o, "parameters"), *p;
            char success[16];
            size_t index, queries = 0, known = 0;
            ck_assert_msg(o != NULL, "%s %s is not described", route->method, route->pattern);
            ck_assert_uint_gt(json_string_length(json_object_get(o, "summary")), 0);
            snprintf(success, sizeof success, "%d", route->success);
            ck_assert_ptr_nonnull(json_object_get(json_object_get(o, "responses"), success));
            while (known < FXI_ROUTE_PARAMS && route->params[known].name)
                known++;
            json_array_foreach(parameters, index, p) {
                const char *name = json_string_value(json_object_get(p, "name"));
                if (strcmp(json_string_value(json_object_get(p, "in")), "path") == 0) {
                    char braces[64];
                    snprintf(braces, sizeof braces, "{%s}", name);
                    ck_assert_ptr_nonnull(strstr(route->pattern, braces));
                    continue;
                }
                ck_assert_str_eq(name, route->params[queries++].name);
            }
            ck_assert_uint_eq(queries, known);
            ck_assert_int_eq(json_object_get(o, "requestBody") != NULL, route->body != NULL);
        }
    }
    json_decref(doc);
}
END_TEST

START_TEST(test_every_description_is_a_route)
{
    json_t *doc = document(), *methods, *o, *names = json_object();
    const char *path, *method;
    json_object_foreach(json_object_get(doc, "paths"), path, methods) {
        bool versioned = strncmp(path, "/api/v1/", 8) == 0;
        json_object_foreach(methods, method, o) {
            const char *name = json_string_value(json_object_get(o, "operationId"));
            bool found = false;
            for (size_t i = 0; i < fxi_route_count; i++)
                found |= strcmp(fxi_routes[i].pattern, path + (versioned ? 7 : 0)) == 0 && strcasecmp(fxi_routes[i].method, method) == 0 &&
                         (!versioned || fxi_routes[i].versioned);
            ck_assert_msg(found, "%s %s is no route", method, path);
            ck_assert_msg(!json_object_get(names, name), "%s twice", name);
            json_object_set_new(names, name, json_true());
        }
    }
    ck_assert_str_eq(json_string_value(json_object_get(doc, "openapi")), "3.1.0");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(doc, "info"), "version")), fxmon_version());
    json_decref(names);
    json_decref(doc);
}
END_TEST

static void follow(json_t *doc, json_t *value)
{
    const char *name;
    size_t index;
    json_t *inner;
    if (json_is_object(value)) {
        const char *reference = json_string_value(json_object_get(value, "$ref"));
        if (reference) {
            char copy[128], *rest = copy, *word;
            json_t *at = doc;
            snprintf(copy, sizeof copy, "%s", reference);
            ck_assert_int_eq(strncmp(copy, "#/", 2), 0);
            rest += 2;
            while ((word = strsep(&rest, "/")))
                at = json_object_get(at, word);
            ck_assert_msg(at != NULL, "%s leads nowhere", reference);
        }
        json_object_foreach(value, name, inner)
            follow(doc, inner);
    } else
        json_array_foreach(value, index, inner)
            follow(doc, inner);
}

START_TEST(test_references)
{
    json_t *doc = document();
    follow(doc, doc);
    json_decref(doc);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("openapi");
    tcase_add_test(tests, test_every_route_is_described);
    tcase_add_test(tests, test_every_description_is_a_route);
    tcase_add_test(tests, test_references);
    return support_run("openapi", tests);
}
