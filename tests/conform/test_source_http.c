/* Providers over HTTP keep what every source promises. */
#include "../support/local_server.h"
#include "source/source.h"

static const char *const conform_options[] = {"track", "all", "base", "EUR", NULL};

#define SOURCE_NAME "http"
#define SOURCE_OPS fxi_source_http
#define SOURCE_URL local_server_named("ecb-90d:", "")
#define SOURCE_ENDS 0
#define SOURCE_OPTIONS conform_options
#define SOURCE_SETUP local_server_start();
#define SOURCE_TEARDOWN local_server_stop();
#define SOURCE_TYPO "https://rates.example/x#fromat=ecb"
#define SOURCE_MEANT "format"
#define SOURCE_BAD                                                                                                     \
    {"ftp://rates.example/", FXMON_E_ARGUMENT, "from"}, {"nobody", FXMON_E_ARGUMENT, "from"},                          \
        {"https://", FXMON_E_SYNTAX, "host"}, {"https://rates.example/x", FXMON_E_CONFIG, "from"},                     \
        {"https://rates.example/x#format=nobody", FXMON_E_OPTION, "format"},                                           \
        {"ecb:rates.example", FXMON_E_SYNTAX, "from"}, {"ecb:http://rates.example", FXMON_E_CONFIG, "from"},           \
        {"fixer", FXMON_E_BAD_KEY, "api-key"}, {"ecb#insecure=maybe", FXMON_E_SYNTAX, "insecure"},

#include "source.inc"
