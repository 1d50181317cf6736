/* base/utf8.c - the ranges of the second byte decide everything that RFC 3629 forbids; the others are plain continuation bytes. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t fxi_utf8_character(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xC2 || p[0] > 0xF4 || length < 2) {
        return 0;
    }
    unsigned char low = 0x80, high = 0xBF;
    if (p[0] == 0xE0) {
        low = 0xA0;
    } else if (p[0] == 0xED) {
        high = 0x9F;
    } else if (p[0] == 0xF0) {
        low = 0x90;
    } else if (p[0] == 0xF4) {
        high = 0x8F;
    }
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    if (p[0] < 0xE0) {
        return 2;
    }
    if (length < 3 || !is_continuation(p[2])) {
        return 0;
    }
    if (p[0] < 0xF0) {
        return 3;
    }
    return length >= 4 && is_continuation(p[3]) ? 4 : 0;
}

bool fxi_utf8_valid(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof(word)) {
            memcpy(&word, text + at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        size_t used = fxi_utf8_character(text + at, length - at);
        if (used == 0) {
            return false;
        }
        at += used;
    }
    return true;
}

void fxi_utf8_tidy(char *text)
{
    size_t length = strlen(text), at = 0;
    while (at < length) {
        size_t used = fxi_utf8_character(text + at, length - at);
        if (used == 0) {
            unsigned char lead = (unsigned char)text[at];
            if (lead >= 0xC2 && length - at < 4 && fxi_utf8_valid(text, at)) {
                bool cut = true;
                for (size_t i = at + 1; i < length; i++) {
                    cut = cut && is_continuation((unsigned char)text[i]);
                }
                if (cut) {
                    text[at] = '\0';
                    return;
                }
            }
            text[at] = '?';
            used = 1;
        } else if (used == 1 && ((unsigned char)text[at] < 0x20 || text[at] == 0x7F)) {
            text[at] = '?';
        }
        at += used;
    }
}
