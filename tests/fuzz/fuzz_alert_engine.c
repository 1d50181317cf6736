/*
 * Bytes -> rules, removals and prices, given to the engine and to the brute-force model: any difference between their events aborts.
 * An operation is 8 bytes: what, and seven of detail.
 */
#include "../support/alert_model.h"
#include "core/alert.h"

#define OPERATION 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Few different levels, so that prices meet them; now and then one that fits no common scale. */
static fxmon_decimal level_of(uint8_t a, uint8_t b)
{
    switch (a >> 5) {
    case 0:
        return (fxmon_decimal){1000 + a % 32, 3};
    case 1:
        return (fxmon_decimal){100000 + b, 5};
    case 2:
        return (fxmon_decimal){INT64_C(4611686018427387900) + b, a % 32 == 0 ? 0 : 18};
    case 3:
        return (fxmon_decimal){1 + b, a % 19};
    default:
        return (fxmon_decimal){1000 + a % 8, 3};
    }
}

static void add_rule(model *m, fxmon_alerts *alerts, const uint8_t *op)
{
    fxmon_alert rule = {.id = (int64_t)m->count + 1, .version = 1, .active = true, .condition = 1 + op[1] % 5, .repeat = op[1] / 5 % 3};
    fxmon_pair_make(op[1] & 128 ? "GBP" : "USD", "EUR", &rule.pair);
    rule.threshold = level_of(op[2], op[3]);
    if (op[6] & 1)
        rule.clear = level_of(op[4], op[5]);
    rule.hold = (op[6] >> 1 & 3) * FXMON_SECOND;
    rule.cooldown = (op[6] >> 3 & 7) * FXMON_SECOND;
    int code = fxmon_alerts_insert(alerts, &rule, NULL, NULL);
    if ((code == FXMON_OK) != (fxi_alert_validate(&rule, NULL) == FXMON_OK))
        abort();
    if (code == FXMON_OK)
        model_add(m, &rule);
}

static void check_quote(model *m, fxmon_alerts *alerts, const fxmon_quote *quote, fxmon_event *expected)
{
    size_t count = model_check(m, quote, expected), got = 0;
    fxmon_event event;
    for (fxmon_alert_iter it = fxmon_alerts_check(alerts, quote); fxmon_alert_next(&it, &event); got++)
        if (got >= count || event.alert_id != expected[got].alert_id || event.kind != expected[got].kind ||
            event.suppressed != expected[got].suppressed || event.duration != expected[got].duration ||
            fxmon_decimal_compare(event.worst, expected[got].worst) != 0)
            abort();
    if (got != count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model *m = calloc(1, sizeof *m);
    fxmon_event *expected = calloc(MODEL_ALERTS, sizeof *expected);
    fxmon_alerts *alerts = fxmon_alerts_new();
    int64_t second = 0;
    for (; m && expected && alerts && size >= OPERATION; data += OPERATION, size -= OPERATION) {
        if (data[0] < 60) {
            if (m->count < MODEL_ALERTS)
                add_rule(m, alerts, data);
        } else if (data[0] < 75) {
            model_remove(m, data[1] + 1);
            fxmon_alerts_remove(alerts, data[1] + 1);
        } else {
            fxmon_quote quote = {.time = (second += data[3] % 16 - 2) * FXMON_SECOND, .mid = level_of(data[1], data[2]), .source = "fuzz"};
            fxmon_pair_make(data[3] & 128 ? "GBP" : "USD", "EUR", &quote.pair);
            check_quote(m, alerts, &quote, expected);
        }
    }
    fxmon_alerts_free(alerts);
    free(expected);
    free(m);
    return 0;
}
