/* The conformance suite of sinks on a real OpenSearch of tests/servers/opensearch, in both modes, and what is this sink's own. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if FXI_WITH_CURL
extern const fxmon_sink_ops fxi_sink_elasticsearch;
extern const fxmon_notify_ops fxi_notify_elasticsearch;

static test_host host;
static char folder[128], url[200];
static int port;
static const char *mode;

static const char *option(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "index-mode") == 0 ? mode : NULL;
}

static int server(const char *word)
{
    char command[512], line[256];
    const char *top = getenv("FXMON_TOP");
    snprintf(command, sizeof command, "%s/tests/servers/opensearch %s %s/server", top ? top : ".", word, folder);
    FILE *said = popen(command, "r");
    while (said && fgets(line, sizeof line, said)) {
        const char *colon = strrchr(line, ':');
        if (strncmp(line, "OPENSEARCH_URL=", 15) == 0 && colon)
            port = (int)strtol(colon + 1, NULL, 10);
    }
    return said ? pclose(said) : -1;
}

/* What the server answers, cut into lines before each mark. The caller frees it. */
static char *ask(const char *method, const char *path, const char *body, const char *mark)
{
    char shell[1024];
    snprintf(shell, sizeof shell, "curl -sS --noproxy '*' -X%s -H 'Content-Type: application/json' %s%s%s 'http://127.0.0.1:%d%s' | sed 's/%s/\\n&/g;s/$/\\n/' | grep '^%s'", method,
             body ? "-d '" : "", body ? body : "", body ? "'" : "", port, path, mark, mark);
    char *text = calloc(1, 1 << 20);
    FILE *said = popen(shell, "r");
    ck_assert(text && said);
    size_t got = fread(text, 1, (1 << 20) - 1, said);
    text[got] = '\0';
    pclose(said);
    return text;
}

static void tell(const char *method, const char *path)
{
    free(ask(method, path, NULL, "{"));
}

static void setup(void)
{
    test_host_init(&host);
    host.env.option = option;
    mode = "stream";
    tell("DELETE", "/_data_stream/*");
    tell("DELETE", "/fx*");
    tell("DELETE", "/_index_template/*");
    snprintf(url, sizeof url, "elasticsearch+http://127.0.0.1:%d", port);
}

static fxmon_row row_of(int n)
{
    fxmon_row row = {.time = (int64_t)n * FXMON_SECOND, .rate = {n + 1, 2}, .volatility = 0.5, .samples = 2, .source = "test", .offset = n};
    ck_assert_int_eq(fxmon_pair_parse("USD/EUR", 7, &row.pair), FXMON_OK);
    return row;
}

static char *documents(void)
{
    tell("POST", "/fx-rates/_refresh");
    return ask("GET", "/fx-rates/_search?size=1000&filter_path=hits.hits._source", NULL, "{\"_source\"");
}

static const char *stream_make(void)
{
    mode = "stream";
    return url;
}

static const char *plain_make(void)
{
    mode = "plain";
    return url;
}

#define stream_text documents
#define plain_text documents
static const int stream_header = 0, plain_header = 0;
static const bool stream_remembers = true, plain_remembers = true;
#define SINK_OPS fxi_sink_elasticsearch
#define SINK_CLAIMS 1
#define SINK(name) stream_##name
#include "sink.inc"
#undef SINK
#define SINK(name) plain_##name
#include "sink.inc"
#undef SINK

static void *opened(void)
{
    void *sink = NULL;
    fxmon_error error = {0};
    ck_assert_msg(fxi_sink_elasticsearch.open(&host.env, url, &sink, &error) == FXMON_DONE, "%s", error.text);
    return sink;
}

static fxmon_progress claimed(void *sink)
{
    fxmon_error error = {0};
    fxmon_progress progress = {.lane = "l", .stream = "s", .checkpoint_offset = -1};
    ck_assert_msg(fxi_sink_elasticsearch.load(sink, &progress, &error) == FXMON_DONE, "%s", error.text);
    return progress;
}

static fxmon_result put(void *sink, fxmon_progress progress, int n)
{
    fxmon_error error = {0};
    fxmon_row row = row_of(n);
    progress.next_offset = n + 1;
    ck_assert_int_eq(fxi_sink_elasticsearch.write(sink, &row, 1, &error), FXMON_DONE);
    return fxi_sink_elasticsearch.flush(sink, &progress, &error);
}

START_TEST(a_zombie_is_fenced)
{
    void *old = opened(), *new = opened();
    fxmon_progress before = claimed(old);
    ck_assert_int_eq(put(old, before, 0), FXMON_DONE);
    fxmon_progress after = claimed(new);
    ck_assert_int_eq(after.next_offset, 1);
    ck_assert_int_gt(after.epoch, before.epoch);
    ck_assert_int_eq(put(old, before, 1), FXMON_FENCED);
    ck_assert_int_eq(fxi_sink_elasticsearch.check(old, &before, NULL), FXMON_FENCED);
    fxi_sink_elasticsearch.discard(old);
    ck_assert_int_eq(put(new, after, 1), FXMON_DONE);
    ck_assert_int_eq(fxi_sink_elasticsearch.check(new, &after, NULL), FXMON_DONE);
    char *text = documents();
    ck_assert_int_eq(stream_lines(text), 2);
    free(text);
    fxi_sink_elasticsearch.close(old);
    fxi_sink_elasticsearch.close(new);
}
END_TEST

START_TEST(a_repetition_after_a_rollover_is_found)
{
    void *sink = opened();
    fxmon_progress progress = claimed(sink);
    ck_assert_int_eq(put(sink, progress, 0), FXMON_DONE);
    ck_assert_int_eq(put(sink, progress, 1), FXMON_DONE);
    tell("POST", "/fx-rates/_rollover");
    tell("DELETE", "/fxmon-progress");
    ck_assert_int_eq(fxi_sink_elasticsearch.check(sink, &progress, NULL), FXMON_FENCED);
    progress = claimed(sink);
    ck_assert_int_eq(progress.next_offset, -1);
    for (int n = 0; n < 3; n++)
        ck_assert_int_eq(put(sink, progress, n), FXMON_DONE);
    char *text = documents();
    ck_assert_int_eq(stream_lines(text), 3);
    free(text);
    fxi_sink_elasticsearch.close(sink);
}
END_TEST

START_TEST(a_deleted_stream_begins_anew)
{
    void *sink = opened();
    fxmon_progress progress = claimed(sink);
    ck_assert_int_eq(put(sink, progress, 0), FXMON_DONE);
    tell("DELETE", "/_data_stream/fx-rates");
    ck_assert_int_eq(fxi_sink_elasticsearch.check(sink, &progress, NULL), FXMON_FENCED);
    ck_assert_int_eq(claimed(sink).next_offset, -1);
    fxi_sink_elasticsearch.close(sink);
}
END_TEST

START_TEST(what_is_there_stays_as_it_is)
{
    fxi_sink_elasticsearch.close(opened());
    char *before = ask("GET", "/_index_template/fx-rates", NULL, "\"priority\":200");
    ck_assert_str_ne(before, "");
    free(before);
    free(ask("PUT", "/_index_template/fx-rates", "{\"index_patterns\":[\"fx-rates\"],\"data_stream\":{},\"priority\":777}", "{"));
    fxi_sink_elasticsearch.close(opened());
    char *after = ask("GET", "/_index_template/fx-rates", NULL, "\"priority\":777");
    ck_assert_str_ne(after, "");
    free(after);
}
END_TEST

START_TEST(bad_settings_are_named)
{
    void *sink;
    fxmon_error error = {0};
    ck_assert_int_eq(fxi_sink_elasticsearch.open(&host.env, "elasticsearch+http://127.0.0.1:9?x=1", &sink, &error), FXMON_FATAL);
    ck_assert_str_eq(error.field, "x");
    ck_assert_int_eq(fxi_sink_elasticsearch.open(&host.env, "elasticsearch+http:", &sink, &error), FXMON_FATAL);
    ck_assert_int_eq(fxi_sink_elasticsearch.open(&host.env, "elasticsearch+http://u:secret@127.0.0.1:9", &sink, &error), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_NETWORK);
    ck_assert_ptr_null(strstr(error.text, "secret"));
}
END_TEST

START_TEST(memory_runs_out)
{
    failing_allocator_install();
    fxi_sink_elasticsearch.close(opened());
    long nth = 1;
    fxmon_error error;
    for (bool reached = true; reached; nth += nth < 40 ? 1 : 7) {
        long before = failing_allocator_alive();
        void *sink;
        fxmon_row row = row_of((int)nth);
        fxmon_dead_letter letter = {"l", "s", 0, nth, "x", 1, "syntax", "text", 0, 0};
        fxmon_progress progress = {.lane = "l", .stream = "s", .next_offset = nth};
        failing_allocator_fail(nth);
        if (fxi_sink_elasticsearch.open(&host.env, url, &sink, &error) == FXMON_DONE) {
            fxmon_result result = fxi_sink_elasticsearch.load(sink, &progress, &error);
            void *held = progress.checkpoint;
            progress.checkpoint = &row;
            progress.checkpoint_size = 16;
            progress.checkpoint_offset = 0;
            progress.next_offset = nth + 1;
            fxi_sink_elasticsearch.write(sink, &row, 1, &error);
            fxi_sink_elasticsearch.dead(sink, &letter, &error);
            if (result == FXMON_DONE)
                fxi_sink_elasticsearch.flush(sink, &progress, &error);
            fxmon_free_memory(held);
            fxi_sink_elasticsearch.close(sink);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(failing_allocator_alive(), before);
    }
    ck_assert_int_gt(nth, 20);
}
END_TEST

static void add_all(TCase *tests)
{
    stream_add(tests);
    plain_add(tests);
    tcase_add_test(tests, a_zombie_is_fenced);
    tcase_add_test(tests, a_repetition_after_a_rollover_is_found);
    tcase_add_test(tests, a_deleted_stream_begins_anew);
    tcase_add_test(tests, what_is_there_stays_as_it_is);
    tcase_add_test(tests, bad_settings_are_named);
    tcase_add_test(tests, memory_runs_out);
}

int main(void)
{
    TCase *tests = tcase_create("sink_elasticsearch");
    int status = 77;
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/fxmon-test-XXXXXX", tmp && strlen(tmp) < 90 ? tmp : "/tmp");
    if (!mkdtemp(folder) || server("start") != 0) {
        puts("no OpenSearch to be had");
    } else {
        add_all(tests);
        status = support_run("sink_elasticsearch", tests);
        server("kill");
    }
    test_folder_remove(folder);
    return status;
}
#else
int main(void)
{
    puts("built without libcurl");
    return 77;
}
#endif
