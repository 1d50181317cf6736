/*
 * codec/member.h - what the values of a rate message must be, whatever carries them: the JSON and the MessagePack reader share these checks and
 * their words, so that a message is taken or refused in both alike.
 */
#ifndef FXI_MEMBER_H
#define FXI_MEMBER_H
#include "codec/decoder.h"
/** A text as the message has it. `shown`: how it stands there, for error texts (JSON: with its escapes). length < 0: too long for any use. */
typedef struct fxi_member_text {
    const char *text;
    long length;
    const char *shown;
    size_t shown_length;
} fxi_member_text;
int fxi_member_time(const fxi_member_text *value, const char *field, int64_t *out, fxmon_error *error);
int fxi_member_base(const fxi_member_text *value, char base[8], fxmon_error *error);
int fxi_member_source(const fxi_member_text *value, char source[FXMON_SOURCE_TEXT], fxmon_error *error);
/** A name in rates, bids or asks: a pair on `base`. */
int fxi_member_pair(const fxi_member_text *name, const char *member, const char base[8], fxmon_pair *out, fxmon_error *error);
/** "rates.USD/EUR": the field of an error */
void fxi_member_field(const char *member, const fxmon_pair *pair, char out[40]);
int fxi_member_bad_rate(const char *member, const fxmon_pair *pair, const char *shown, fxmon_error *error); /* FXMON_E_REJECTED */
/** Room for the next rate, zeroed but for its pair; NULL: too many, or no memory. */
fxmon_rate *fxi_member_room(fxi_decoder *d, fxmon_error *error);
int fxi_member_twice(const char *member, const fxmon_pair *pair, fxmon_error *error);  /* FXMON_E_MALFORMED */
int fxi_member_absent(const char *member, const fxmon_pair *pair, fxmon_error *error); /* a side without its rate */
int fxi_member_none(fxmon_error *error);                                               /* no rates */
#endif
