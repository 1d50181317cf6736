/* exec: keeps what every source promises. */
#include "source/source.h"

#define SOURCE_NAME "exec"
#define SOURCE_OPS fxi_source_exec
#define SOURCE_URL                                                                                                     \
    "exec:printf '{\"pair\":\"EUR/USD\",\"time\":\"2026-02-04T10:30:0%d\\132\",\"rate\":1.18,\"source\":\"x\"}\\n' 1 2 3#interval=1h"
#define SOURCE_ENDS 0
#define SOURCE_REAL 1
#define SOURCE_TYPO "exec:true#intervall=1s"
#define SOURCE_MEANT "interval"
#define SOURCE_BAD                                                                                                     \
    {"exec:", FXMON_E_ARGUMENT, "from"}, {"exec:  ", FXMON_E_ARGUMENT, "from"}, {"exec:echo 'x", FXMON_E_SYNTAX, "from"}, \
        {"exec:echo \"x", FXMON_E_SYNTAX, "from"}, {"exec:true#format=nobody", FXMON_E_OPTION, "format"},              \
        {"exec:true#interval=0", FXMON_E_RANGE, "interval"}, {"exec:true#timeout=x", FXMON_E_SYNTAX, "timeout"},       \
        {"exec:true#max=1", FXMON_E_RANGE, "max"}, {"exec+stream:true#format=ecb", FXMON_E_OPTION, "format"},          \
        {"exec:true#pair=nothing", FXMON_E_PAIR, "pair"}, {"exec:true#nothing=1", FXMON_E_OPTION, "nothing"},

#include "source.inc"
