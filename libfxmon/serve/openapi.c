/* serve/openapi.c - the OpenAPI 3.1 document, written from the table of routes; only the schemas of the bodies are its own. */
#include <stdio.h>
#include <string.h>

#include "serve/serve.h"

#define S "{\"type\":\"string\"}"
#define N "{\"type\":\"number\"}"
#define I "{\"type\":\"integer\"}"
#define B "{\"type\":\"boolean\"}"
#define T "{\"type\":\"string\",\"format\":\"date-time\"}"
#define TN "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define NN "{\"type\":[\"number\",\"null\"]}"
#define NI "{\"type\":[\"integer\",\"null\"]}"
#define IA "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}"
#define VERDICT "{\"type\":\"string\",\"enum\":[\"starting\",\"ok\",\"slow\",\"stalled\",\"idle\",\"rebalancing\",\"retrying\",\"stopped\",\"failed\"]}"
#define CONDITION "{\"type\":\"string\",\"enum\":[\"above\",\"below\",\"cross_up\",\"cross_down\",\"cross\"]}"
#define ALERT_OPTIONS "\"clear\":" N ",\"for\":" S ",\"cooldown\":" S ",\"repeat\":{\"type\":\"string\",\"enum\":[\"episode\",\"every\",\"once\"]}," \
                      "\"severity\":{\"type\":\"string\",\"enum\":[\"warning\",\"critical\"]}"

typedef struct schema { const char *name, *text; } schema;

static const schema schemas[] = {
    {"Rate", "{\"type\":\"object\",\"description\":\"1 base costs rate quote.\",\"required\":[\"pair\",\"rate\",\"volatility\",\"timestamp\",\"source\",\"stale\"],"
             "\"properties\":{\"pair\":" S ",\"rate\":" N ",\"volatility\":{\"type\":[\"number\",\"null\"],\"description\":\"Sample standard deviation of the last "
             "prices; null below two of them.\"},\"timestamp\":" T ",\"base\":" S ",\"quote\":" S ",\"bid\":" N ",\"ask\":" N ",\"previous\":" NN ",\"source\":" S
             ",\"observed_at\":" T ",\"ingested_at\":" TN ",\"age_seconds\":" I ",\"stale\":" B "}}"},
    {"HistoryRate", "{\"type\":\"object\",\"required\":[\"timestamp\",\"rate\",\"volatility\",\"source\",\"ingested_at\"],\"properties\":{\"timestamp\":" T ",\"rate\":" N
                    ",\"volatility\":" NN ",\"bid\":" N ",\"ask\":" N ",\"source\":" S ",\"ingested_at\":" TN "}}"},
    {"Live", "{\"type\":\"object\",\"required\":[\"timestamp\",\"generation\",\"rates\"],\"properties\":{\"timestamp\":" T ",\"generation\":" I
             ",\"rates\":{\"type\":\"array\",\"items\":{\"allOf\":[{\"$ref\":\"#/components/schemas/Rate\"},{\"type\":\"object\",\"properties\":{\"line\":{\"type\":\"array\","
             "\"description\":\"Recent points, oldest first: milliseconds since 1970 and rate.\",\"items\":{\"type\":\"array\",\"prefixItems\":[" I "," N "]}}}}]}}}}"},
    {"Source", "{\"type\":\"object\",\"required\":[\"source\",\"pairs\",\"observed_at\",\"age_seconds\",\"stale\"],\"properties\":{\"source\":" S ",\"pairs\":" I
               ",\"observed_at\":" T ",\"age_seconds\":" I ",\"stale\":" B "}}"},
    {"NewAlert", "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"pair\",\"condition\",\"threshold\"],\"properties\":{\"pair\":" S ",\"condition\":" CONDITION
                 ",\"threshold\":{\"type\":\"number\",\"exclusiveMinimum\":0}," ALERT_OPTIONS "}}"},
    {"Alert", "{\"type\":\"object\",\"required\":[\"id\",\"pair\",\"condition\",\"threshold\",\"active\",\"created_at\"],\"properties\":{\"id\":" I ",\"pair\":" S
              ",\"condition\":" CONDITION ",\"threshold\":" N ",\"active\":" B ",\"created_at\":" TN "," ALERT_OPTIONS ",\"version\":" I ",\"state\":{\"type\":\"object\"}}}"},
    {"AlertEvent", "{\"type\":\"object\",\"required\":[\"id\",\"alert_id\",\"pair\",\"rate\",\"message\",\"triggered_at\"],\"properties\":{\"id\":" I ",\"alert_id\":" I
                   ",\"pair\":" S ",\"rate\":" N ",\"message\":" S ",\"triggered_at\":" T "}}"},
    {"Deleted", "{\"type\":\"object\",\"required\":[\"success\",\"message\"],\"properties\":{\"success\":" B ",\"message\":" S "}}"},
    {"Health", "{\"type\":\"object\",\"required\":[\"status\",\"timestamp\",\"components\"],\"properties\":{\"status\":" S ",\"timestamp\":" T
               ",\"components\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"required\":[\"status\",\"message\",\"critical\"],\"properties\":{\"status\":" S
               ",\"message\":" S ",\"critical\":" B "}}}}}"},
    {"SystemStatus", "{\"type\":\"object\",\"description\":\"degraded: a consumer or producer is slow, stalled, retrying, failed, or gone without a word; or a source fails, or misses two publications.\","
                     "\"required\":[\"status\",\"timestamp\",\"version\",\"consumers\",\"producers\",\"in_trouble\",\"lag\",\"lag_seconds\",\"rebalances_last_hour\"],"
                     "\"properties\":{\"status\":{\"type\":\"string\",\"enum\":[\"healthy\",\"degraded\"]},\"timestamp\":" T ",\"version\":" S ",\"consumers\":"
                     "{\"type\":\"object\",\"properties\":{\"working\":" I ",\"stopped\":" I ",\"messages_processed_last_minute\":" I "}},\"producers\":"
                     "{\"type\":\"object\",\"properties\":{\"working\":" I ",\"stopped\":" I ",\"messages_sent_last_minute\":" I "}},\"sources\":"
                     "{\"type\":\"object\",\"properties\":{\"fresh\":" I ",\"late\":" I ",\"failing\":" I "}},\"in_trouble\":" I ",\"lag\":" I
                     ",\"lag_seconds\":" N ",\"rebalances_last_hour\":" I "}}"},
    {"ConsumerHealth", "{\"type\":\"object\",\"required\":[\"id\",\"consumer_id\",\"status\",\"last_heartbeat\",\"assigned_partitions\","
                       "\"messages_processed_last_minute\"],\"properties\":{\"id\":" S ",\"consumer_id\":" S ",\"status\":" VERDICT ",\"last_heartbeat\":" T
                       ",\"assigned_partitions\":" IA ",\"messages_processed_last_minute\":" I ",\"component\":" S ",\"instance\":" S ",\"group\":" S ",\"member\":" S
                       ",\"version\":" S ",\"started_at\":" TN ",\"messages_processed\":" I ",\"rows_written\":" I ",\"dead_letters\":" I ",\"last_offset\":" I
                       ",\"lag\":{\"type\":\"integer\",\"description\":\"Messages.\"},\"lag_seconds\":{\"type\":\"number\",\"description\":\"Age of the oldest record that "
                       "is not applied yet.\"},\"heartbeat_age_seconds\":" N ",\"detail\":" S "}}"},
    {"ProducerHealth", "{\"type\":\"object\",\"required\":[\"id\",\"producer_id\",\"type\",\"status\",\"last_heartbeat\",\"messages_sent_last_minute\"],"
                       "\"properties\":{\"id\":" S ",\"producer_id\":" S ",\"type\":" S ",\"status\":" VERDICT ",\"last_heartbeat\":" T
                       ",\"messages_sent_last_minute\":" I ",\"instance\":" S ",\"log\":" S ",\"version\":" S ",\"started_at\":" TN ",\"messages_sent\":" I
                       ",\"heartbeat_age_seconds\":" N ",\"detail\":" S "}}"},
    {"SourceHealth", "{\"type\":\"object\",\"required\":[\"source\",\"status\",\"last_published_at\",\"publications_missed\"],\"properties\":{\"source\":" S
                     ",\"status\":{\"type\":\"string\",\"enum\":[\"fresh\",\"late\",\"waiting\",\"standby\",\"failing\",\"failed\",\"ended\",\"stopped\"]}"
                     ",\"last_published_at\":" TN ",\"next_expected_at\":" TN ",\"publications_missed\":" NI ",\"cadence_seconds\":" NN ",\"last_answer_at\":" TN
                     ",\"failures_in_a_row\":" I ",\"last_error_at\":" TN ",\"last_error\":" S ",\"publications\":" I ",\"quota\":" NI ",\"quota_left\":" NI
                     ",\"log\":" S ",\"producer_id\":" S ",\"last_heartbeat\":" T ",\"heartbeat_age_seconds\":" N "}}"},
    {"PartitionAssignment", "{\"type\":\"object\",\"required\":[\"timestamp\",\"members\",\"partitions\"],\"properties\":{\"timestamp\":" T ",\"members\":"
                            "{\"type\":\"array\",\"description\":\"Consumers that work, also those without partitions.\",\"items\":{\"$ref\":"
                            "\"#/components/schemas/ConsumerHealth\"}},\"partitions\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"lane\":" S
                            ",\"log\":" S ",\"partition_number\":" I ",\"next_offset\":{\"type\":\"integer\",\"description\":\"-1: nothing was applied yet.\"},\"epoch\":" I
                            ",\"owner\":" S ",\"updated_at\":" TN "}}}}}"},
    {"RebalancingEvent", "{\"type\":\"object\",\"required\":[\"id\",\"consumer_id\",\"event_type\",\"partitions\",\"timestamp\"],\"properties\":{\"id\":" I
                         ",\"consumer_id\":" S ",\"event_type\":{\"type\":\"string\",\"enum\":[\"assigned\",\"revoked\",\"lost\"]},\"partitions\":" IA ",\"timestamp\":" T
                         ",\"assigned_partitions\":" IA ",\"component\":" S ",\"instance\":" S ",\"group\":" S ",\"member\":" S
                         ",\"generation\":" NI ",\"duration_seconds\":" NN ",\"reason\":" S "}}"},
    {"Root", "{\"type\":\"object\",\"required\":[\"name\",\"version\",\"description\",\"endpoints\",\"status\"],\"properties\":{\"name\":" S ",\"version\":" S ",\"description\":" S
             ",\"endpoints\":{\"type\":\"object\"},\"status\":" S "}}"},
    {"OpenApi", "{\"type\":\"object\"}"},
    {"Problem", "{\"type\":\"object\",\"description\":\"RFC 9457. field names the member or parameter that is wrong.\",\"required\":[\"type\",\"title\",\"status\",\"detail\"],"
                "\"properties\":{\"type\":" S ",\"title\":" S ",\"status\":" I ",\"detail\":{\"type\":[\"string\",\"object\"]},\"instance\":" S ",\"field\":" S "}}"},
};

static void put_schema_reference(const char *name, fxi_buf *out)
{
    size_t length = strcspn(name, "[");
    fxi_buf_puts(out, name[length] ? "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/" : "{\"$ref\":\"#/components/schemas/");
    fxi_buf_add(out, name, length);
    fxi_buf_puts(out, name[length] ? "\"}}" : "\"}");
}

static void put_parameter(const char *name, const char *in, const char *schema_text, const char *text, bool first, fxi_buf *out)
{
    if (!first)
        fxi_buf_putc(out, ',');
    fxi_buf_puts(out, "{\"name\":");
    fxi_buf_jsonz(out, name);
    fxi_buf_puts(out, ",\"in\":");
    fxi_buf_jsonz(out, in);
    fxi_buf_puts(out, strcmp(in, "path") == 0 ? ",\"required\":true,\"description\":" : ",\"description\":");
    fxi_buf_jsonz(out, text);
    fxi_buf_puts(out, ",\"schema\":");
    fxi_buf_puts(out, schema_text);
    fxi_buf_putc(out, '}');
}

static void put_parameters(const fxi_route *route, fxi_buf *out)
{
    bool first = true;
    fxi_buf_puts(out, ",\"parameters\":[");
    if (strstr(route->pattern, "{pair}")) {
        put_parameter("pair", "path", "{\"type\":\"string\",\"examples\":[\"USD-EUR\"]}",
                      "USD-EUR, USD_EUR, USDEUR, USD%2FEUR in any case, or as two path segments USD/EUR.", first, out);
        first = false;
    }
    if (strstr(route->pattern, "{id}")) {
        put_parameter("id", "path", "{\"type\":\"integer\",\"minimum\":1}", "Number of the alert.", first, out);
        first = false;
    }
    if (strstr(route->pattern, "{file}")) {
        put_parameter("file", "path", S, "Name of the file.", first, out);
        first = false;
    }
    for (size_t i = 0; i < FXI_ROUTE_PARAMS && route->params[i].name; i++) {
        put_parameter(route->params[i].name, "query", route->params[i].schema, route->params[i].text, first, out);
        first = false;
    }
    fxi_buf_putc(out, ']');
}

static void put_responses(const fxi_route *route, fxi_buf *out)
{
    char number[16];
    snprintf(number, sizeof number, "%d", route->success);
    fxi_buf_puts(out, ",\"responses\":{\"");
    fxi_buf_puts(out, number);
    fxi_buf_puts(out, "\":{\"description\":");
    fxi_buf_jsonz(out, fxi_status_text(route->success));
    fxi_buf_puts(out, ",\"content\":{");
    for (const char *p = route->type; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        if (p != route->type)
            fxi_buf_putc(out, ',');
        fxi_buf_json(out, p, strcspn(p, " "));
        fxi_buf_puts(out, ":{");
        if (route->answer && strncmp(p, "application/json", 16) == 0) {
            fxi_buf_puts(out, "\"schema\":");
            put_schema_reference(route->answer, out);
        }
        fxi_buf_putc(out, '}');
    }
    fxi_buf_puts(out, "}}");
    for (const char *p = route->problems; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        fxi_buf_puts(out, ",\"");
        fxi_buf_add(out, p, 3);
        fxi_buf_puts(out, "\":{\"$ref\":\"#/components/responses/Problem\"}");
    }
    fxi_buf_puts(out, ",\"default\":{\"$ref\":\"#/components/responses/Problem\"}}");
}

/* get + /rates/{pair}/history -> getRatesPairHistory */
static void put_operation_name(const fxi_route *route, bool versioned, fxi_buf *out)
{
    bool capital = true;
    for (const char *p = route->method; *p; p++)
        fxi_buf_putc(out, (char)(*p + 'a' - 'A'));
    if (versioned)
        fxi_buf_puts(out, "V1");
    for (const char *p = route->pattern; *p; p++) {
        if (*p == '/' || *p == '{' || *p == '}' || *p == '.') {
            capital = true;
            continue;
        }
        fxi_buf_putc(out, capital && *p >= 'a' && *p <= 'z' ? (char)(*p + 'A' - 'a') : *p);
        capital = false;
    }
}

static void put_operation(const fxi_route *route, bool versioned, fxi_buf *out)
{
    fxi_buf_putc(out, '"');
    for (const char *p = route->method; *p; p++)
        fxi_buf_putc(out, (char)(*p + 'a' - 'A'));
    fxi_buf_puts(out, "\":{\"operationId\":\"");
    put_operation_name(route, versioned, out);
    fxi_buf_puts(out, "\",\"summary\":");
    fxi_buf_jsonz(out, route->summary);
    put_parameters(route, out);
    if (route->body) {
        fxi_buf_puts(out, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":");
        put_schema_reference(route->body, out);
        fxi_buf_puts(out, "}}}");
    }
    put_responses(route, out);
    fxi_buf_putc(out, '}');
}

static bool seen_before(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(fxi_routes[i].pattern, fxi_routes[index].pattern) == 0)
            return true;
    return false;
}

static void put_path(size_t index, bool versioned, bool first, fxi_buf *out)
{
    bool more = false;
    fxi_buf_puts(out, first ? "\"" : ",\"");
    fxi_buf_puts(out, versioned ? "/api/v1" : "");
    fxi_buf_puts(out, fxi_routes[index].pattern);
    fxi_buf_puts(out, "\":{");
    for (size_t i = index; i < fxi_route_count; i++) {
        if (strcmp(fxi_routes[i].pattern, fxi_routes[index].pattern) != 0)
            continue;
        if (more)
            fxi_buf_putc(out, ',');
        put_operation(&fxi_routes[i], versioned, out);
        more = true;
    }
    fxi_buf_putc(out, '}');
}

bool fxi_openapi_encode(fxi_buf *out)
{
    bool first = true;
    fxi_buf_puts(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"fxmon\",\"version\":\"" FXMON_VERSION_STRING
                      "\",\"description\":\"Exchange rates, their volatility and history, and alerts on them. 1 base costs rate quote. Times are UTC and ranges of "
                      "time half-open. Paths under /api/v1 are canonical; those without it are aliases. Some proxies decode or refuse %2F in a path: write pairs "
                      "with a dash.\",\"license\":{\"name\":\"MIT\",\"identifier\":\"MIT\"}},\"paths\":{");
    for (int versioned = 1; versioned >= 0; versioned--)
        for (size_t i = 0; i < fxi_route_count; i++) {
            if (seen_before(i) || (versioned && !fxi_routes[i].versioned))
                continue;
            put_path(i, versioned, first, out);
            first = false;
        }
    fxi_buf_puts(out, "},\"components\":{\"responses\":{\"Problem\":{\"description\":\"What went wrong\",\"content\":{\"application/problem+json\":{\"schema\":"
                      "{\"$ref\":\"#/components/schemas/Problem\"}}}}},\"schemas\":{");
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        fxi_buf_puts(out, i ? ",\"" : "\"");
        fxi_buf_puts(out, schemas[i].name);
        fxi_buf_puts(out, "\":");
        fxi_buf_puts(out, schemas[i].text);
    }
    fxi_buf_puts(out, "}}}\n");
    return !out->failed;
}

void fxi_get_openapi(fxi_request *q, fxi_reply *r)
{
    (void)q;
    fxi_reply_json(r);
    r->cache = "no-cache";
    fxi_openapi_encode(&r->body);
}
