/*
 * sink/elasticsearch_setup.c - the connection, and the server made ready: templates for the two data streams, or two plain indices; an index for dead letters and
 * one for progress; a lifecycle where the server keeps one.
 *
 * What a server can do is found out by asking for the thing itself, never from its version or name: there are builds without GET /, without _ilm and without
 * _plugins. What is there already stays as it is, since its owner may have changed it. A lifecycle is a convenience: when it is refused that is logged, and work goes on.
 * So is a template refused for lack of privileges: somebody who may only write documents can still use indices that an administrator made.
 */
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "sink/elasticsearch.h"

#define ANSWER_MAXIMUM ((size_t)4 * 1024 * 1024)

static const char *option(const fxi_elastic *e, const char *name)
{
    const char *value = fxi_env_text(e->env, name, NULL);
    return value && value[0] ? value : NULL;
}

static bool known_parameter(void *user, const char *name, const char *value)
{
    (void)value;
    fxi_fail(user, FXMON_E_OPTION, name, "an Elasticsearch URL has no parameter '%.40s'; see fxmon-elasticsearch(7) for the options", name);
    return false;
}

static int settings(fxi_elastic *e, const fxi_url *url, fxmon_error *error)
{
    const char *prefix = option(e, "index-prefix"), *mode = option(e, "index-mode"), *keep = option(e, "index-retention");
    if (url->query && !fxi_url_each_param(url, known_parameter, error))
        return FXMON_E_OPTION;
    int code = fxi_elastic_names_set(&e->names, prefix ? prefix : "", error);
    e->streams = !mode || strcmp(mode, "plain") != 0;
    e->retention = 0;
    if (code == FXMON_OK && keep && fxmon_duration_parse(keep, strlen(keep), &e->retention) != FXMON_OK)
        code = fxi_fail(error, FXMON_E_RANGE, "index-retention", "'%.40s': expected a duration such as 90d", keep);
    if (code == FXMON_OK && e->retention && !e->streams)
        code = fxi_fail(error, FXMON_E_CONFIG, "index-retention", "a plain index cannot drop its old documents: use index-mode=stream");
    return code;
}

fxmon_result fxi_elastic_connect(fxi_elastic *e, const fxmon_env *env, const char *text, fxmon_error *error)
{
    fxi_url url;
    e->env = env;
    if (fxi_url_parse(text, &url, error) != FXMON_OK)
        return FXMON_FATAL;
    int code = settings(e, &url, error);
    if (code == FXMON_OK)
        e->http = fxi_elastic_http_new(env, &url, error);
    fxi_url_free(&url);
    return e->http ? FXMON_DONE : FXMON_FATAL;
}

void fxi_elastic_disconnect(fxi_elastic *e)
{
    fxi_elastic_http_free(e->http);
    e->http = NULL;
}

/* ---- one request ---- */

static bool path_of(fxi_buf *path, const char *first, const char *second, const char *third)
{
    fxi_buf_clear(path);
    fxi_buf_puts(path, first);
    fxi_buf_puts(path, second);
    fxi_buf_puts(path, third);
    return !path->failed;
}

static fxmon_result request(fxi_elastic *e, const char *method, const fxi_buf *path, const fxi_buf *body, fxi_elastic_answer *answer, fxmon_error *error)
{
    if (path->failed || (body && body->failed)) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a request");
        return FXMON_FATAL;
    }
    return fxi_elastic_http_send(e->http, method, path->data, body ? body->data : NULL, body ? body->length : 0, ANSWER_MAXIMUM, answer, error);
}

fxmon_result fxi_elastic_get(fxi_elastic *e, const char *index, const char *id, fxi_elastic_answer *answer, bool *found, fxmon_error *error)
{
    fxi_buf path;
    fxi_buf_init(&path, 1024);
    fxi_buf_putc(&path, '/');
    fxi_buf_puts(&path, index);
    fxi_buf_puts(&path, "/_doc/");
    fxi_buf_puts(&path, id);
    fxmon_result result = request(e, "GET", &path, NULL, answer, error);
    fxi_buf_free(&path);
    *found = false;
    if (result != FXMON_DONE || answer->status == 404)
        return result;
    if (answer->status != 200)
        return fxi_elastic_refusal(answer, "a question for the progress", error);
    *found = true;
    return FXMON_DONE;
}

static bool good(const fxi_elastic_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}

/* Not now, or nobody: those end the setting up. Everything else is said and done without. */
static bool grave(const fxi_elastic_answer *answer, fxmon_result *result, const char *what, fxmon_error *error)
{
    *result = fxi_elastic_refusal(answer, what, error);
    return *result == FXMON_RETRY || answer->status == 401;
}

/* ---- lifecycle ---- */

enum lifecycle { LIFE_NONE, LIFE_ILM, LIFE_ISM, LIFE_STREAM };

static fxmon_result put_policy(fxi_elastic *e, enum lifecycle life, const char *name, fxmon_error *error)
{
    fxi_elastic_answer answer;
    fxi_buf path, body;
    fxi_buf_init(&path, 512);
    fxi_buf_init(&body, 4096);
    path_of(&path, life == LIFE_ILM ? "/_ilm/policy/" : "/_plugins/_ism/policies/", name, "");
    if (life == LIFE_ILM)
        fxi_elastic_ilm_policy(e->retention, &body);
    else
        fxi_elastic_ism_policy(name, e->retention, &body);
    fxmon_result result = request(e, "PUT", &path, &body, &answer, error);
    if (result == FXMON_DONE && !good(&answer) && answer.status != 409 /* there already */ && !grave(&answer, &result, "a lifecycle policy", error)) {
        fxi_log(e->env, FXMON_LOG_WARNING, "elasticsearch", "no lifecycle for %s: %s", name, error->text);
        result = FXMON_DONE;
    }
    fxi_buf_free(&path);
    fxi_buf_free(&body);
    return result;
}

static fxmon_result find_lifecycle(fxi_elastic *e, enum lifecycle *life, fxmon_error *error)
{
    static const struct {
        const char *path;
        enum lifecycle life;
    } candidates[] = {{"/_ilm/policy", LIFE_ILM}, {"/_plugins/_ism/policies", LIFE_ISM}};
    fxi_elastic_answer answer;
    *life = LIFE_STREAM;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        fxmon_result result = fxi_elastic_http_send(e->http, "GET", candidates[i].path, NULL, 0, ANSWER_MAXIMUM, &answer, error);
        if (result != FXMON_DONE)
            return result;
        if (answer.status == 200) {
            *life = candidates[i].life;
            return FXMON_DONE;
        }
    }
    return FXMON_DONE;
}

/* ---- templates and indices ---- */

static fxmon_result put_template(fxi_elastic *e, enum fxi_elastic_kind kind, const char *name, enum lifecycle life, fxi_elastic_answer *answer, fxmon_error *error)
{
    fxi_buf path, body;
    fxi_buf_init(&path, 512);
    fxi_buf_init(&body, 16384);
    path_of(&path, "/_index_template/", name, "");
    fxi_elastic_template(kind, name, life == LIFE_ILM ? name : NULL, life == LIFE_STREAM ? e->retention : 0, &body);
    fxmon_result result = request(e, "PUT", &path, &body, answer, error);
    fxi_buf_free(&path);
    fxi_buf_free(&body);
    return result;
}

/* Now, and not with the first document: a server may be told not to make indices by itself. One that does, or has it already, need not know this request. */
static fxmon_result start_stream(fxi_elastic *e, const char *name, fxmon_error *error)
{
    fxi_elastic_answer answer;
    fxi_buf path;
    fxi_buf_init(&path, 512);
    path_of(&path, "/_data_stream/", name, "");
    fxmon_result result = request(e, "PUT", &path, NULL, &answer, error);
    fxi_buf_free(&path);
    return result;
}

static fxmon_result make_stream(fxi_elastic *e, enum fxi_elastic_kind kind, const char *name, enum lifecycle life, fxmon_error *error)
{
    fxi_elastic_answer answer;
    fxi_buf path;
    fxi_buf_init(&path, 512);
    path_of(&path, "/_index_template/", name, "");
    fxmon_result result = request(e, "GET", &path, NULL, &answer, error);
    fxi_buf_free(&path);
    if (result == FXMON_DONE && answer.status == 200)
        return start_stream(e, name, error);
    if (result != FXMON_DONE)
        return result;
    if (answer.status == 401 || answer.status == 429 || answer.status >= 500)
        return fxi_elastic_refusal(&answer, "a question for a template", error);
    if (life == LIFE_ILM || life == LIFE_ISM)
        result = put_policy(e, life, name, error);
    if (result == FXMON_DONE)
        result = put_template(e, kind, name, life, &answer, error);
    if (result == FXMON_DONE && answer.status == 400 && life == LIFE_STREAM && e->retention) {
        fxi_log(e->env, FXMON_LOG_WARNING, "elasticsearch", "this server has no lifecycle: nothing drops documents of %s that are older than index-retention", name);
        result = put_template(e, kind, name, LIFE_NONE, &answer, error);
    }
    if (result != FXMON_DONE)
        return result;
    if (good(&answer))
        return start_stream(e, name, error);
    if (!grave(&answer, &result, "a template", error)) {
        fxi_log(e->env, FXMON_LOG_WARNING, "elasticsearch", "no template for %s: %s", name, error->text);
        result = FXMON_DONE;
    }
    return result;
}

static fxmon_result make_index(fxi_elastic *e, enum fxi_elastic_kind kind, const char *name, fxmon_error *error)
{
    fxi_elastic_answer answer;
    fxi_elastic_result words;
    fxi_buf path, body;
    fxi_buf_init(&path, 512);
    fxi_buf_init(&body, 16384);
    path_of(&path, "/", name, "");
    fxi_elastic_index(kind, &body);
    fxmon_result result = request(e, "PUT", &path, &body, &answer, error);
    fxi_buf_free(&path);
    fxi_buf_free(&body);
    if (result != FXMON_DONE || good(&answer))
        return result;
    fxi_elastic_reason(answer.body, answer.length, words.type, words.reason);
    if (answer.status == 400 && strcmp(words.type, "resource_already_exists_exception") == 0)
        return FXMON_DONE;
    if (!grave(&answer, &result, "an index", error)) {
        fxi_log(e->env, FXMON_LOG_WARNING, "elasticsearch", "index %s could not be made: %s", name, error->text);
        result = FXMON_DONE;
    }
    return result;
}

fxmon_result fxi_elastic_setup(fxi_elastic *e, fxmon_error *error)
{
    enum lifecycle life = LIFE_NONE;
    fxmon_error own;
    error = error ? error : &own;
    fxi_error_clear(error);
    fxmon_result result = e->streams ? find_lifecycle(e, &life, error) : FXMON_DONE;
    if (result == FXMON_DONE)
        result = e->streams ? make_stream(e, FXI_ELASTIC_RATES, e->names.rates, life, error) : make_index(e, FXI_ELASTIC_RATES, e->names.rates, error);
    if (result == FXMON_DONE)
        result = e->streams ? make_stream(e, FXI_ELASTIC_ALERTS, e->names.alerts, life, error) : make_index(e, FXI_ELASTIC_ALERTS, e->names.alerts, error);
    if (result == FXMON_DONE)
        result = make_index(e, FXI_ELASTIC_LETTERS, e->names.letters, error);
    if (result == FXMON_DONE)
        result = make_index(e, FXI_ELASTIC_PROGRESS, e->names.progress, error);
    return result;
}
