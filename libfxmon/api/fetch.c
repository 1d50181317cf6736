/* api/fetch.c - one fetch without a handle. */
#include <poll.h>
#include <string.h>

#include "api/handle.h"
#include "base/error.h"
#include "lane/chain.h"

#define FETCH_LIMIT (60 * FXMON_SECOND) /* for a source that answers "not yet" */
#define NAP_MS 10

static int add_message(fxmon_book *book, const fxmon_message *message)
{
    for (uint32_t i = 0; i < message->count; i++) {
        const fxmon_rate *rate = &message->rates[i];
        fxmon_quote quote = {.pair = rate->pair, .time = message->time, .mid = rate->mid, .bid = rate->bid, .ask = rate->ask};
        memcpy(quote.source, message->source, sizeof quote.source);
        int code = fxmon_book_add(book, &quote, NULL);
        if (code != FXMON_OK)
            return code;
    }
    return FXMON_OK;
}

/* Until one publication came, or all that was recorded. */
static int fill(fxmon_book *book, const fxi_plain *plain, fxi_chain *chain, fxmon_error *error)
{
    int64_t give_up = plain->env.monotonic(NULL) + FETCH_LIMIT;
    for (;;) {
        fxmon_message message = {0};
        int64_t due;
        fxmon_result result = fxi_chain_next(chain, plain->env.now(NULL), &message, &due, error);
        if (result == FXMON_DONE) {
            int code = add_message(book, &message);
            if (code != FXMON_OK)
                return fxi_fail(error, code, "", "a rate of %s cannot be kept: %s", message.source, fxmon_strerror(code));
            if (!fxi_chain_recorded(chain))
                return FXMON_OK;
        } else if (result == FXMON_END) {
            return fxmon_book_count(book) ? FXMON_OK : fxi_fail(error, FXMON_E_NO_DATA, "from", "%s gave no rate", fxi_chain_name(chain));
        } else if (result == FXMON_WAIT) {
            if (plain->env.monotonic(NULL) >= give_up)
                return fxi_fail(error, FXMON_E_TIMEOUT, "from", "%s gave no rate in %d s", fxi_chain_name(chain),
                                (int)(FETCH_LIMIT / FXMON_SECOND));
            (void)poll(NULL, 0, NAP_MS);
        } else if (result != FXMON_REFUSED) {
            return fxi_result_code(result, error, "the source");
        }
    }
}

fxmon_book *fxmon_fetch(const char *source, const char *base, fxmon_error *error)
{
    fxmon_error problem;
    fxi_error_clear(error);
    fxi_error_clear(&problem);
    fxi_plain plain;
    fxi_plain_init(&plain);
    plain.base = base;
    plain.own_base = true;
    plain.track = "all";
    fxmon_book *book = NULL;
    fxi_chain *chain = NULL;
    if (!source || !*source)
        fxi_fail(&problem, FXMON_E_ARGUMENT, "source", "fxmon_fetch: no source is named");
    else if (base && strlen(base) > 7)
        fxi_fail(&problem, FXMON_E_CURRENCY, "base", "base: \"%.20s\" is no currency code", base);
    else if (!(book = fxmon_book_new()))
        fxi_fail(&problem, FXMON_E_NOMEM, "", "out of memory for a book");
    else
        chain = fxi_chain_new(&plain.env, NULL, source, &problem);
    bool good = chain && fill(book, &plain, chain, &problem) == FXMON_OK;
    fxi_chain_free(chain);
    if (good)
        return book;
    fxmon_book_free(book);
    if (error)
        *error = problem;
    return NULL;
}
