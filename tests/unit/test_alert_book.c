/* The blocked sorted book against a plain sorted array: places, gaps and crossed ranges after random inserts, removals, moves and changes of scale. */
#include "../support/support.h"
#include "core/alert_book.h"

#include <fxmon/core.h>

#include <stdlib.h>
#include <string.h>

typedef struct level {
    int64_t key, id;
    bool passed;
} level;

typedef struct shelf { /* the plain array */
    level *level;
    size_t count;
} shelf;

static size_t place_of(const shelf *s, int64_t key, int64_t id)
{
    size_t i = 0;
    while (i < s->count && (s->level[i].key < key || (s->level[i].key == key && s->level[i].id < id)))
        i++;
    return i;
}

static void shelf_insert(shelf *s, int64_t key, int64_t id, int64_t price)
{
    size_t i = place_of(s, key, id);
    memmove(s->level + i + 1, s->level + i, (s->count++ - i) * sizeof *s->level);
    s->level[i] = (level){key, id, key < price};
}

static void check_same(const fxi_alert_book *book, const shelf *s)
{
    size_t i = 0;
    int64_t down = INT64_MIN, up = INT64_MAX - 1;
    ck_assert_uint_eq(book->count, s->count);
    for (size_t b = 0; b < book->blocks; b++) {
        const fxi_book_block *block = book->block[b];
        ck_assert_uint_gt(block->count, 0);
        ck_assert_int_eq(book->first[b], block->key[0]);
        for (size_t k = 0; k < block->count; k++, i++) {
            bool passed = b < book->cursor.block || (b == book->cursor.block && k < book->cursor.index);
            ck_assert_int_eq(block->key[k], s->level[i].key);
            ck_assert_int_eq(block->id[k], s->level[i].id);
            ck_assert_uint_eq(block->slot[k], (uint32_t)s->level[i].id);
            ck_assert_int_eq(passed, s->level[i].passed);
            if (passed)
                down = block->key[k];
            else if (up == INT64_MAX - 1)
                up = block->key[k];
        }
    }
    ck_assert_int_eq(book->down, down);
    ck_assert_int_eq(book->up, up);
}

/* Upwards all with a key below the price, downwards all with a key above it, in order. */
static void move_both(fxi_alert_book *book, shelf *s, int64_t from, int64_t to)
{
    fxi_book_range range = fxi_alert_book_move(book, to);
    for (size_t i = 0; i < s->count; i++) {
        level *l = &s->level[i];
        bool crossed = to > from ? !l->passed && l->key < to : l->passed && l->key > to;
        if (!crossed)
            continue;
        l->passed = !l->passed;
        int64_t key;
        uint32_t slot;
        ck_assert(!fxi_book_range_empty(&range));
        fxi_book_range_next(book, &range, &key, &slot);
        ck_assert_int_eq(key, l->key);
        ck_assert_uint_eq(slot, (uint32_t)l->id);
    }
    ck_assert(fxi_book_range_empty(&range));
}

START_TEST(same_as_a_sorted_array)
{
    fxi_random r;
    property_seed(&r, "alert book");
    for (long round = property_cases(10); round > 0; round--) {
        shelf s = {malloc(8000 * sizeof(level)), 0};
        fxi_alert_book book;
        fxi_alert_book_init(&book);
        int64_t width = 1 + (int64_t)fxi_random_below(&r, 400), price = width, id = 0;
        fxi_alert_book_seek(&book, price);
        bool growing = true, scaled = false;
        for (int step = 0; step < 6000; step++) {
            uint64_t choice = fxi_random_below(&r, 100);
            growing = s.count < 3 ? true : s.count > 3000 ? false : growing;
            if (choice < (growing ? 70 : 20)) {
                int64_t key = (int64_t)fxi_random_below(&r, (uint64_t)width) * 2;
                ck_assert_int_eq(fxi_alert_book_insert(&book, key, id + 1, (uint32_t)(id + 1), price), FXMON_OK);
                id++;
                shelf_insert(&s, key, id, price);
                /* the book may keep a level that equals the price on either side */
                size_t i = place_of(&s, key, id);
                if (key == price)
                    s.level[i].passed = i + 1 < s.count && s.level[i + 1].passed;
            } else if (choice < 85 && s.count > 0) {
                size_t i = (size_t)fxi_random_below(&r, s.count);
                ck_assert(fxi_alert_book_remove(&book, s.level[i].key, s.level[i].id));
                ck_assert(!fxi_alert_book_remove(&book, s.level[i].key, s.level[i].id));
                memmove(s.level + i, s.level + i + 1, (--s.count - i) * sizeof *s.level);
            } else if (choice < 99) {
                int64_t to = fxi_random_below(&r, 3) ? price + (int64_t)fxi_random_below(&r, 9) - 4
                                                     : (int64_t)fxi_random_below(&r, (uint64_t)width * 2 + 8) - 4;
                move_both(&book, &s, price, to);
                price = to;
            } else if (!scaled && s.count > 1000) {
                scaled = true;
                fxi_alert_book_scale(&book, 10);
                for (size_t i = 0; i < s.count; i++)
                    s.level[i].key *= 10;
                price *= 10;
                width *= 10;
            }
            if (step % 50 == 0 || s.count < 20)
                check_same(&book, &s);
        }
        fxi_alert_book_free(&book);
        free(s.level);
    }
}
END_TEST

START_TEST(failed_insert_leaves_the_book)
{
    failing_allocator_install();
    fxi_alert_book book;
    fxi_alert_book_init(&book);
    int64_t id = 0;
    for (int i = 0; i < 3000; i++) {
        size_t before = book.count;
        id++;
        failing_allocator_fail(i % 2 ? 1 : 2);
        int code = fxi_alert_book_insert(&book, i % 7, id, (uint32_t)id, 3);
        failing_allocator_fail(0);
        ck_assert(code == FXMON_OK || code == FXMON_E_NOMEM);
        ck_assert_uint_eq(book.count, before + (code == FXMON_OK));
        if (code != FXMON_OK)
            ck_assert_int_eq(fxi_alert_book_insert(&book, i % 7, id, (uint32_t)id, 3), FXMON_OK);
        ck_assert(book.down <= 3 && book.up >= 3);
    }
    fxi_alert_book_free(&book);
    ck_assert_int_eq(failing_allocator_alive(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("alert_book");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, same_as_a_sorted_array);
    tcase_add_test(tests, failed_insert_leaves_the_book);
    return support_run("alert_book", tests);
}
