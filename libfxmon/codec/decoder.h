/*
 * codec/decoder.h - inside of the message decoder, shared by its two ways through JSON (message.c, message_general.c), the one through MessagePack
 * (message_pack.c) and by the tests that compare them.
 */
#ifndef FXI_DECODER_H
#define FXI_DECODER_H
#include "codec/message.h"
#include "codec/pairset.h"
#define FXI_DECODER_TIME 80 /* longest text of a time, with its NUL */
struct fxi_decoder {
    fxmon_message message; /* rates belong to the decoder */
    uint32_t known;        /* rates[0..known) are distinct pairs of message.base that some message had in this order: see message.c */
    fxi_pairset pairs;
};
/** Room for one more rate; NULL: out of memory or FXI_MESSAGE_PAIRS reached. */
fxmon_rate *fxi_decoder_room(fxi_decoder *d);
/** The usual layout only: false says nothing about the input but that the general way has to look. */
bool fxi_message_decode_fast(fxi_decoder *d, const char *data, size_t length);
/** Any layout, with the reason when it is refused. */
int fxi_message_decode_general(fxi_decoder *d, const char *data, size_t length, fxmon_error *error);
/** MessagePack; d->known is 0 afterwards. */
int fxi_message_decode_packed(fxi_decoder *d, const char *data, size_t length, fxmon_error *error);
/** The first byte of a map in MessagePack. No JSON text begins so: these bytes are no ASCII, and 0x80 to 0x8f begin no character of UTF-8. */
static inline bool fxi_message_is_packed(unsigned char first)
{
    return (first >= 0x80 && first <= 0x8F) || first == 0xDE || first == 0xDF;
}
#endif
