/* sim: keeps what every source promises. */
#include "source/source.h"

#define SOURCE_NAME "sim"
#define SOURCE_OPS fxi_source_sim
#define SOURCE_URL "sim:?seed=7&interval=1s&count=40&spread=0.0001"
#define SOURCE_ENDS 1
#define SOURCE_TYPO "sim:?sede=1"
#define SOURCE_MEANT "seed"
#define SOURCE_BAD                                                                                                     \
    {"sim:file", FXMON_E_SYNTAX, "from"}, {"sim:?seed=x", FXMON_E_SYNTAX, "seed"},                                     \
        {"sim:?interval=fast", FXMON_E_SYNTAX, "interval"}, {"sim:?spike=2", FXMON_E_RANGE, "spike"},                  \
        {"sim:?count=0", FXMON_E_RANGE, "count"}, {"sim:?base=QQQ", FXMON_E_CURRENCY, "base"},                         \
        {"sim:?base=US-D", FXMON_E_CURRENCY, "base"}, {"sim:?track=EUR,QQQ", FXMON_E_CURRENCY, "track"},               \
        {"sim:?track=,", FXMON_E_ARGUMENT, "track"}, {"sim:?track=USD", FXMON_E_NO_DATA, "track"},                     \
        {"sim:?pairs=USD/EUR,EUR/GBP", FXMON_E_PAIR, "pairs"}, {"sim:?pairs=nothing", FXMON_E_PAIR, "pairs"},          \
        {"sim:?start=yesterday", FXMON_E_SYNTAX, "start"}, {"sim:?rate=0", FXMON_E_RANGE, "rate"},                     \
        {"sim:?nothing=1", FXMON_E_OPTION, "nothing"},

#include "source.inc"
