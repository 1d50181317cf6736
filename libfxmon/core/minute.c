/* core/minute.c - see minute.h. A counter that went back (its lane began anew) grew by what it holds now. */
#include "core/minute.h"

#include <string.h>

#define SECOND INT64_C(1000000000)

static void slide(fxi_minute *m, int64_t second)
{
    if (second <= m->second)
        return; /* a clock does not go back; if it did, the newest second takes all */
    if (second - m->second >= FXI_MINUTE_SECONDS) {
        memset(m->count, 0, sizeof m->count);
        m->sum = 0;
    } else
        for (int64_t s = m->second + 1; s <= second; s++) {
            m->sum -= m->count[s % FXI_MINUTE_SECONDS];
            m->count[s % FXI_MINUTE_SECONDS] = 0;
        }
    m->second = second;
}

void fxi_minute_note(fxi_minute *m, int64_t now, int64_t total)
{
    int64_t second = now / SECOND;
    if (!m->begun) {
        *m = (fxi_minute){.second = second, .total = total, .begun = 1};
        return;
    }
    slide(m, second);
    int64_t grown = total >= m->total ? total - m->total : total;
    m->total = total;
    m->count[m->second % FXI_MINUTE_SECONDS] += grown;
    m->sum += grown;
}

int64_t fxi_minute_sum(fxi_minute *m, int64_t now)
{
    if (m->begun)
        slide(m, now / SECOND);
    return m->sum;
}
