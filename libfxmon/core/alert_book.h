/*
 * core/alert_book.h - the price levels of one pair in order, with a cursor between the levels already passed and those still ahead.
 * See alert_book.c for the shape. Keys are integers at a scale the owner chooses; an entry is (key, id) with the owner's slot number.
 */
#ifndef FXI_ALERT_BOOK_H
#define FXI_ALERT_BOOK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FXI_BOOK_BLOCK 256 /* entries of one block */

typedef struct fxi_book_block {
    uint32_t count;
    int64_t key[FXI_BOOK_BLOCK];
    int64_t id[FXI_BOOK_BLOCK];
    uint32_t slot[FXI_BOOK_BLOCK];
} fxi_book_block;

typedef struct fxi_book_place {
    size_t block, index; /* index < count of the block, or block == number of blocks and index 0: the end */
} fxi_book_place;

typedef struct fxi_alert_book {
    int64_t down, up;        /* levels next to the cursor: nothing is crossed while down <= price <= up */
    fxi_book_place cursor;   /* first entry not passed */
    int64_t pivot_key, pivot_id; /* every entry up to this one is passed, every later one is not */
    fxi_book_block **block;
    int64_t *first;          /* first key of each block, together in memory for the search */
    size_t blocks, capacity, first_capacity, count;
} fxi_alert_book;

/** The entries one move crosses, in ascending order. Valid until the book changes. */
typedef struct fxi_book_range {
    fxi_book_place at, end;
} fxi_book_range;

void fxi_alert_book_init(fxi_alert_book *book);
void fxi_alert_book_free(fxi_alert_book *book);
/** `price`: where the cursor stands, to decide on which side of it a level in the gap lies. FXMON_E_NOMEM leaves the book as it was. */
int fxi_alert_book_insert(fxi_alert_book *book, int64_t key, int64_t id, uint32_t slot, int64_t price);
bool fxi_alert_book_remove(fxi_alert_book *book, int64_t key, int64_t id);
/** Move the cursor to a price: upwards it passes keys < price, downwards it comes back over keys > price. */
fxi_book_range fxi_alert_book_move(fxi_alert_book *book, int64_t price);
/** Put the cursor at a price without crossing anything. */
void fxi_alert_book_seek(fxi_alert_book *book, int64_t price);
/** All keys times factor (a finer scale); the caller knows that they fit. */
void fxi_alert_book_scale(fxi_alert_book *book, int64_t factor);

static inline bool fxi_book_range_empty(const fxi_book_range *range)
{
    return range->at.block == range->end.block && range->at.index == range->end.index;
}

/** The entry at the range's place; the range must not be empty. */
static inline void fxi_book_range_next(const fxi_alert_book *book, fxi_book_range *range, int64_t *key, uint32_t *slot)
{
    const fxi_book_block *block = book->block[range->at.block];
    *key = block->key[range->at.index];
    *slot = block->slot[range->at.index];
    if (++range->at.index == block->count)
        range->at = (fxi_book_place){range->at.block + 1, 0};
}
#endif
