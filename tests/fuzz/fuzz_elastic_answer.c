/* Any bytes as an answer to a bulk of four documents: all four are told of, in order and with a status, or none. The other readers of answers see the same bytes. */
#include "base/error.h"
#include "codec/json.h"

#if FXI_WITH_CURL
#include "sink/elasticsearch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t told;

static fxi_elastic_id id_of(void *user, size_t index)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    (void)user;
    return (fxi_elastic_id){ids[index], 1};
}

static void tell(void *user, size_t index, const fxi_elastic_result *result)
{
    (void)user;
    if (index != told++ || result->status < 100 || result->status > 599 || strlen(result->type) >= sizeof result->type ||
        strlen(result->reason) >= sizeof result->reason || fxi_elastic_judge(result) > FXI_ELASTIC_MISSING) {
        abort();
    }
}

static void hit(void *user, const char *id, size_t length)
{
    (void)user;
    if (length > 0 && id[0] == '"') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    fxi_elastic_birth known = {".ds-fx-rates-000002", "u"}, newest;
    fxmon_error error;
    char type[64], words[FXI_ELASTIC_WORDS], text[32];
    int64_t number;
    bool again;
    told = 0;
    int code = fxi_elastic_bulk_read(body, size, 4, id_of, tell, NULL, &error);
    if (code == FXMON_OK ? told != 4 : told != 0) {
        abort();
    }
    fxi_elastic_reason(body, size, type, words);
    fxi_elastic_hits_read(body, size, hit, NULL, &error);
    fxi_elastic_birth_read(body, size, &known, &newest, &again, &error);
    fxi_elastic_number(body, size, "hits.hits.0._source.offset", &number);
    fxi_elastic_text(body, size, "_source.checkpoint", text, sizeof text);
    return 0;
}
#else
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    return 0;
}
#endif
