/*
 * core/pair.c - one canonical form of a pair, whatever way it was written.
 *
 * The canonical text is at most 13 bytes, NUL-padded to 16, so that equality is one 16-byte compare, order is memcmp, and a map
 * key needs no length. Nearly every pair that ever comes in is already canonical with two codes of three letters: that case is
 * tested with a handful of instructions on one 64-bit word, everything else goes through the ordinary loop.
 *
 * A code of digits alone is refused: "2026-0204" is more often a broken date than a pair.
 */
#include "core/pair.h"

#include <string.h>

#define CODE_SHORTEST 3
#define CODE_LONGEST 6

/* Upper case of a letter or digit; 0 for every other byte. ASCII by hand: isalpha() depends on the locale. */
static char code_character(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '\0';
}

/* Reads one code from text into out (upper case); its length, or 0 if there is none of a permitted length. */
static size_t code_read(const char *text, size_t length, char *out)
{
    size_t used = 0;
    bool letter = false;
    while (used < length) {
        char c = code_character(text[used]);
        if (c == '\0')
            break;
        if (used == CODE_LONGEST)
            return 0;
        letter = letter || c >= 'A';
        out[used++] = c;
    }
    return used >= CODE_SHORTEST && letter ? used : 0;
}

/* Length of the separator at text: one character, or an escaped slash; 0 if there is none. */
static size_t separator_length(const char *text, size_t length)
{
    if (length == 0)
        return 0;
    if (text[0] == '%')
        return length >= 3 && text[1] == '2' && (text[2] == 'F' || text[2] == 'f') ? 3 : 0;
    return text[0] == '/' || text[0] == '-' || text[0] == '_' || text[0] == ':' || text[0] == ' ' ? 1 : 0;
}

static void pair_write(fxmon_pair *out, const char *base, size_t base_length, const char *quote, size_t quote_length)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->text, base, base_length);
    out->text[base_length] = '/';
    memcpy(out->text + base_length + 1, quote, quote_length);
}

/* Six letters without a separator: three and three. */
static int pair_parse_plain(const char *text, fxmon_pair *out)
{
    char code[6];
    for (size_t i = 0; i < sizeof(code); i++) {
        code[i] = code_character(text[i]);
        if (code[i] < 'A')
            return FXMON_E_PAIR;
    }
    pair_write(out, code, 3, code + 3, 3);
    return FXMON_OK;
}

int fxmon_pair_parse(const char *text, size_t length, fxmon_pair *out)
{
    char base[CODE_LONGEST], quote[CODE_LONGEST];
    if (text == NULL || out == NULL)
        return FXMON_E_ARGUMENT;
    if (fxi_pair_canonical(text, length, out))
        return FXMON_OK;
    size_t base_length = code_read(text, length, base);
    if (base_length == 0)
        return FXMON_E_PAIR;
    if (base_length == length)
        return length == 6 ? pair_parse_plain(text, out) : FXMON_E_PAIR;
    size_t separator = separator_length(text + base_length, length - base_length);
    if (separator == 0)
        return FXMON_E_PAIR;
    size_t at = base_length + separator;
    size_t quote_length = code_read(text + at, length - at, quote);
    if (quote_length == 0 || at + quote_length != length)
        return FXMON_E_PAIR;
    pair_write(out, base, base_length, quote, quote_length);
    return FXMON_OK;
}

int fxmon_pair_make(const char *base, const char *quote, fxmon_pair *out)
{
    char first[CODE_LONGEST], second[CODE_LONGEST];
    if (base == NULL || quote == NULL || out == NULL)
        return FXMON_E_ARGUMENT;
    size_t first_given = strlen(base), second_given = strlen(quote);
    size_t first_length = code_read(base, first_given, first);
    size_t second_length = code_read(quote, second_given, second);
    if (first_length == 0 || first_length != first_given || second_length == 0 || second_length != second_given)
        return FXMON_E_PAIR;
    pair_write(out, first, first_length, second, second_length);
    return FXMON_OK;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* AAA/BBB as one word. Lanes are bytes; the slash is turned into an 'A' so that one range test covers all seven. */
static bool canonical_word(const char *text, fxmon_pair *out)
{
    const uint64_t ones = UINT64_C(0x0001010101010101), high = ones << 7;
    uint32_t first, last;
    memcpy(&first, text, 4);
    memcpy(&last, text + 3, 4);
    uint64_t word = (uint64_t)first | (uint64_t)last << 24;
    uint64_t letters = word ^ (uint64_t)('/' ^ 'A') << 24;
    uint64_t below = letters + ones * (0x80 - 'A');     /* high bit set: >= 'A' */
    uint64_t above = letters + ones * (0x80 - 'Z' - 1); /* high bit set: > 'Z' */
    if ((letters & high) != 0 || (below & high) != high || (above & high) != 0 || text[3] != '/')
        return false;
    memcpy(out->text, &word, 8); /* the eighth byte is the NUL */
    memset(out->text + 8, 0, 8);
    return true;
}
#else
static bool canonical_word(const char *text, fxmon_pair *out)
{
    (void)text;
    (void)out;
    return false;
}
#endif

bool fxi_pair_canonical(const char *text, size_t length, fxmon_pair *out)
{
    char base[CODE_LONGEST], quote[CODE_LONGEST];
    if (length == 7 && canonical_word(text, out))
        return true;
    size_t base_length = code_read(text, length, base);
    if (base_length == 0 || base_length == length || text[base_length] != '/')
        return false;
    size_t at = base_length + 1;
    size_t quote_length = code_read(text + at, length - at, quote);
    if (quote_length == 0 || at + quote_length != length || memcmp(base, text, base_length) != 0 ||
        memcmp(quote, text + at, quote_length) != 0)
        return false;
    pair_write(out, base, base_length, quote, quote_length);
    return true;
}

size_t fxmon_pair_base(const fxmon_pair *pair, char out[8])
{
    size_t length = 0;
    while (length < 7 && pair->text[length] != '\0' && pair->text[length] != '/') {
        out[length] = pair->text[length];
        length++;
    }
    memset(out + length, 0, 8 - length);
    return length;
}

size_t fxmon_pair_quote(const fxmon_pair *pair, char out[8])
{
    size_t at = 0, length = 0;
    while (at < sizeof(pair->text) && pair->text[at] != '\0' && pair->text[at] != '/')
        at++;
    for (at++; at < sizeof(pair->text) && length < 7 && pair->text[at] != '\0'; at++)
        out[length++] = pair->text[at];
    memset(out + length, 0, 8 - length);
    return length;
}

bool fxmon_pair_known(const fxmon_pair *pair)
{
    char code[8];
    size_t length = fxmon_pair_base(pair, code);
    if (fxmon_currency_find(code, length) == NULL)
        return false;
    length = fxmon_pair_quote(pair, code);
    return fxmon_currency_find(code, length) != NULL;
}

int fxmon_pair_compare(const fxmon_pair *a, const fxmon_pair *b)
{
    return memcmp(a->text, b->text, sizeof(a->text));
}
