/* base/instance.c - see instance.h. Asked for anew each time: a process that forked has another number. */
#include "base/instance.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define HOST_TEXT 49 /* with a process number of any width behind it the text fits */

void fxi_instance(char out[64])
{
    char digits[16], host[HOST_TEXT] = "";
    if (gethostname(host, sizeof host - 1) != 0 || !host[0])
        memcpy(host, "localhost", sizeof "localhost");
    host[sizeof host - 1] = '\0';
    size_t length = strlen(host), count = 0;
    memcpy(out, host, length);
    out[length++] = ':';
    uint64_t number = (uint64_t)getpid();
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count)
        out[length++] = digits[--count];
    out[length] = '\0';
}
