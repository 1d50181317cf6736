/*
 * core/alert_book.c - a blocked sorted list: the leaf level of a B+ tree without the tree. An array of pointers to blocks of up to 256 entries in the
 * order (key, id), and the first key of every block in one array of its own, which a search runs over first: a million levels are 5,000 first keys
 * (40 kB), so a search touches little memory, an insert moves at most one block, and a walk reads keys one after the other.
 *
 * The cursor is the whole memory of where the price stands: entries before it have been passed on the way up, those behind have not. With the price
 * at p every passed key is <= p and every other >= p, so as long as the price stays within [down, up], the two keys next to the cursor, nothing is
 * crossed and nothing needs looking at. A key equal to the price stays on the side it was on: touching a level is no crossing.
 *
 * The cursor is kept as a pivot besides its place, the last entry that was passed; whatever an insert or a removal does to the blocks, the place is found again from it.
 */
#include "core/alert_book.h"

#include "base/mem.h"

#include <fxmon/core.h>
#include <string.h>

#define STRIDE 8 /* entries that a walk skips by one look at the last of them */

void fxi_alert_book_init(fxi_alert_book *book)
{
    *book = (fxi_alert_book){.down = INT64_MIN, .up = INT64_MAX - 1, .pivot_key = INT64_MIN, .pivot_id = INT64_MIN};
}

void fxi_alert_book_free(fxi_alert_book *book)
{
    for (size_t i = 0; i < book->blocks; i++)
        fxi_free(book->block[i]);
    fxi_free(book->block);
    fxi_free(book->first);
    fxi_alert_book_init(book);
}

static bool is_before(int64_t key, int64_t id, int64_t other_key, int64_t other_id)
{
    return key < other_key || (key == other_key && id < other_id);
}

/* Number of blocks whose first entry is not after (key, id). */
static size_t find_block(const fxi_alert_book *book, int64_t key, int64_t id)
{
    size_t low = 0, size = book->blocks;
    while (size > 0) {
        size_t half = size / 2, middle = low + half;
        int64_t first = book->first[middle];
        bool not_after = first < key || (first == key && book->block[middle]->id[0] <= id);
        low = not_after ? middle + 1 : low;
        size = not_after ? size - half - 1 : half;
    }
    return low;
}

/* Number of entries of a block that are before (key, id), or not after it. */
static size_t find_index(const fxi_book_block *block, int64_t key, int64_t id, bool not_after)
{
    size_t low = 0, size = block->count;
    while (size > 0) {
        size_t half = size / 2, middle = low + half;
        bool left = is_before(block->key[middle], block->id[middle], key, id) ||
                    (not_after && block->key[middle] == key && block->id[middle] == id);
        low = left ? middle + 1 : low;
        size = left ? size - half - 1 : half;
    }
    return low;
}

static void update_gap(fxi_alert_book *book)
{
    fxi_book_place c = book->cursor;
    book->up = c.block < book->blocks ? book->block[c.block]->key[c.index] : INT64_MAX - 1;
    if (c.index > 0) {
        book->down = book->block[c.block]->key[c.index - 1];
    } else if (c.block > 0) {
        const fxi_book_block *before = book->block[c.block - 1];
        book->down = before->key[before->count - 1];
    } else {
        book->down = INT64_MIN;
    }
}

/* The place of the cursor from its pivot. */
static void find_cursor(fxi_alert_book *book)
{
    size_t after = find_block(book, book->pivot_key, book->pivot_id);
    book->cursor = (fxi_book_place){0, 0};
    if (after > 0) {
        const fxi_book_block *block = book->block[after - 1];
        size_t index = find_index(block, book->pivot_key, book->pivot_id, true);
        book->cursor = index < block->count ? (fxi_book_place){after - 1, index} : (fxi_book_place){after, 0};
    }
    update_gap(book);
}

/* The pivot from the place of the cursor: the last entry that was passed. */
static void set_pivot(fxi_alert_book *book)
{
    fxi_book_place c = book->cursor;
    if (c.index == 0 && c.block == 0) {
        book->pivot_key = INT64_MIN;
        book->pivot_id = INT64_MIN;
        return;
    }
    const fxi_book_block *block = book->block[c.index > 0 ? c.block : c.block - 1];
    size_t index = c.index > 0 ? c.index - 1 : block->count - 1;
    book->pivot_key = block->key[index];
    book->pivot_id = block->id[index];
}

static void move_entries(fxi_book_block *to, size_t to_index, const fxi_book_block *from, size_t from_index, size_t count)
{
    memmove(to->key + to_index, from->key + from_index, count * sizeof to->key[0]);
    memmove(to->id + to_index, from->id + from_index, count * sizeof to->id[0]);
    memmove(to->slot + to_index, from->slot + from_index, count * sizeof to->slot[0]);
}

static int add_block(fxi_alert_book *book, size_t position)
{
    fxi_book_block **blocks = fxi_grow(book->block, &book->capacity, book->blocks + 1, sizeof *blocks);
    if (blocks == NULL)
        return FXMON_E_NOMEM;
    book->block = blocks;
    int64_t *first = fxi_grow(book->first, &book->first_capacity, book->blocks + 1, sizeof *first);
    if (first == NULL)
        return FXMON_E_NOMEM;
    book->first = first;
    fxi_book_block *block = fxi_alloc(sizeof *block);
    if (block == NULL)
        return FXMON_E_NOMEM;
    block->count = 0;
    size_t behind = book->blocks - position;
    memmove(book->block + position + 1, book->block + position, behind * sizeof *blocks);
    memmove(book->first + position + 1, book->first + position, behind * sizeof *first);
    book->block[position] = block;
    book->first[position] = INT64_MAX;
    book->blocks++;
    return FXMON_OK;
}

static void drop_block(fxi_alert_book *book, size_t position)
{
    fxi_free(book->block[position]);
    book->blocks--;
    size_t behind = book->blocks - position;
    memmove(book->block + position, book->block + position + 1, behind * sizeof book->block[0]);
    memmove(book->first + position, book->first + position + 1, behind * sizeof book->first[0]);
}

/* Half of a full block into a new one behind it; all of it stays when the next entry goes to the very end, as it does with rising levels. */
static int split_block(fxi_alert_book *book, size_t position)
{
    int code = add_block(book, position + 1);
    if (code != FXMON_OK)
        return code;
    fxi_book_block *left = book->block[position], *right = book->block[position + 1];
    size_t keep = FXI_BOOK_BLOCK / 2;
    move_entries(right, 0, left, keep, left->count - keep);
    right->count = left->count - (uint32_t)keep;
    left->count = (uint32_t)keep;
    book->first[position + 1] = right->key[0];
    return FXMON_OK;
}

int fxi_alert_book_insert(fxi_alert_book *book, int64_t key, int64_t id, uint32_t slot, int64_t price)
{
    size_t position = find_block(book, key, id);
    position = position > 0 ? position - 1 : 0;
    bool changed = false;
    if (book->blocks == 0 || book->block[position]->count == FXI_BOOK_BLOCK) {
        int code = book->blocks == 0 ? add_block(book, 0) : split_block(book, position);
        if (code != FXMON_OK)
            return code;
        changed = true;
        if (position + 1 < book->blocks && !is_before(key, id, book->first[position + 1], book->block[position + 1]->id[0]))
            position++;
    }
    fxi_book_block *block = book->block[position];
    size_t index = find_index(block, key, id, false);
    move_entries(block, index + 1, block, index, block->count - index);
    block->key[index] = key;
    block->id[index] = id;
    block->slot[index] = slot;
    block->count++;
    book->first[position] = block->key[0];
    book->count++;
    /* in the gap: passed if it lies below the price */
    if (key < price && is_before(book->pivot_key, book->pivot_id, key, id)) {
        book->pivot_key = key;
        book->pivot_id = id;
    }
    if (changed || position <= book->cursor.block || book->count == 1)
        find_cursor(book);
    return FXMON_OK;
}

/* Two small neighbours become one, so that many removals leave no chain of nearly empty blocks. */
static void merge_blocks(fxi_alert_book *book, size_t position)
{
    size_t left = position > 0 ? position - 1 : position;
    if (left + 1 >= book->blocks)
        return;
    fxi_book_block *a = book->block[left], *b = book->block[left + 1];
    if (a->count + b->count > FXI_BOOK_BLOCK * 3 / 4)
        return;
    move_entries(a, a->count, b, 0, b->count);
    a->count += b->count;
    drop_block(book, left + 1);
}

bool fxi_alert_book_remove(fxi_alert_book *book, int64_t key, int64_t id)
{
    size_t position = find_block(book, key, id);
    if (position == 0)
        return false;
    position--;
    fxi_book_block *block = book->block[position];
    size_t index = find_index(block, key, id, false);
    if (index == block->count || block->key[index] != key || block->id[index] != id)
        return false;
    block->count--;
    move_entries(block, index, block, index + 1, block->count - index);
    book->count--;
    if (block->count == 0) {
        drop_block(book, position);
    } else {
        book->first[position] = block->key[0];
        if (block->count < FXI_BOOK_BLOCK / 4)
            merge_blocks(book, position);
    }
    find_cursor(book);
    set_pivot(book); /* an entry that is there: the price may move below one that is gone without crossing anything */
    return true;
}

/* First entry from `at` on whose key is not below the price. */
static fxi_book_place walk_up(const fxi_alert_book *book, fxi_book_place at, int64_t price)
{
    while (at.block < book->blocks) {
        const fxi_book_block *block = book->block[at.block];
        if (block->key[block->count - 1] >= price) {
            while (at.index + STRIDE <= block->count && block->key[at.index + STRIDE - 1] < price)
                at.index += STRIDE;
            while (block->key[at.index] < price)
                at.index++;
            return at;
        }
        at = (fxi_book_place){at.block + 1, 0};
    }
    return at;
}

/* First entry of those before `at` whose key is above the price; `at` if there is none. */
static fxi_book_place walk_down(const fxi_alert_book *book, fxi_book_place at, int64_t price)
{
    for (;;) {
        if (at.index == 0) {
            if (at.block == 0)
                return at;
            const fxi_book_block *before = book->block[at.block - 1];
            if (before->key[before->count - 1] <= price)
                return at;
            at = (fxi_book_place){at.block - 1, before->count - 1};
        }
        const fxi_book_block *block = book->block[at.block];
        if (block->key[0] > price) {
            at.index = 0;
            continue;
        }
        while (at.index > STRIDE && block->key[at.index - STRIDE] > price)
            at.index -= STRIDE;
        while (block->key[at.index - 1] > price)
            at.index--;
        return at;
    }
}

fxi_book_range fxi_alert_book_move(fxi_alert_book *book, int64_t price)
{
    fxi_book_range range = {book->cursor, book->cursor};
    if (price > book->up) {
        range.end = walk_up(book, book->cursor, price);
        book->cursor = range.end;
    } else if (price < book->down) {
        range.at = walk_down(book, book->cursor, price);
        book->cursor = range.at;
    } else {
        return range;
    }
    set_pivot(book);
    update_gap(book);
    return range;
}

void fxi_alert_book_seek(fxi_alert_book *book, int64_t price)
{
    /* one less than the price with the greatest id: exactly the keys below the price count as passed */
    book->pivot_key = price == INT64_MIN ? INT64_MIN : price - 1;
    book->pivot_id = price == INT64_MIN ? INT64_MIN : INT64_MAX;
    find_cursor(book);
    set_pivot(book);
}

void fxi_alert_book_scale(fxi_alert_book *book, int64_t factor)
{
    for (size_t i = 0; i < book->blocks; i++) {
        fxi_book_block *block = book->block[i];
        for (size_t k = 0; k < block->count; k++)
            block->key[k] *= factor;
        book->first[i] = block->key[0];
    }
    set_pivot(book);
    update_gap(book);
}
