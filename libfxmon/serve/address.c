/* serve/address.c */
#include "serve/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/value.h"

fxi_address fxi_address_of(const struct sockaddr_storage *from)
{
    fxi_address a = {{0}, 0, false};
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
        memcpy(a.bytes, &six->sin6_addr, 16);
        a.port = six->sin6_port;
        a.six = true;
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)from;
        memcpy(a.bytes, &four->sin_addr, 4);
        a.port = four->sin_port;
    }
    return a;
}

bool fxi_address_equal(const fxi_address *a, const fxi_address *b)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    size_t length = !a->six ? 4 : memcmp(a->bytes, mapped, 12) == 0 ? 16 : 8;
    return a->six == b->six && memcmp(a->bytes, b->bytes, length) == 0;
}

socklen_t fxi_address_back(const fxi_address *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->six) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
        six->sin6_family = AF_INET6;
        six->sin6_port = a->port;
        memcpy(&six->sin6_addr, a->bytes, 16);
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    four->sin_family = AF_INET;
    four->sin_port = a->port;
    memcpy(&four->sin_addr, a->bytes, 4);
    return sizeof *four;
}

int fxi_address_split(const char *listen, char *host, size_t size, int *port, fxmon_error *error)
{
    const char *colon = strrchr(listen, ':'), *digits = colon ? colon + 1 : listen, *from = listen;
    size_t length = colon ? (size_t)(colon - listen) : 0;
    int64_t value;
    if (fxi_integer_parse(digits, strlen(digits), &value) != FXMON_OK || value < 0 || value > 65535)
        return fxi_fail(error, FXMON_E_CONFIG, "listen", "\"%.80s\": expected HOST:PORT with a port from 0 to 65535", listen);
    if (length >= 2 && listen[0] == '[' && listen[length - 1] == ']') {
        from = listen + 1;
        length -= 2;
    } else if (length && memchr(listen, ':', length))
        return fxi_fail(error, FXMON_E_CONFIG, "listen", "\"%.80s\": write an IPv6 address in brackets, as in [::1]:8000", listen);
    if (length >= size)
        return fxi_fail(error, FXMON_E_CONFIG, "listen", "host name too long");
    if (!colon)
        snprintf(host, size, "127.0.0.1");
    else if (length == 0)
        snprintf(host, size, "0.0.0.0");
    else
        snprintf(host, size, "%.*s", (int)length, from);
    *port = (int)value;
    return FXMON_OK;
}

int fxi_address_resolve(const char *host, int port, struct sockaddr_storage *out, socklen_t *length, fxmon_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    int problem = getaddrinfo(host, NULL, &hints, &found);
    if (problem != 0)
        return fxi_fail(error, FXMON_E_CONFIG, "listen", "\"%s\" is no address of this machine: %s", host, gai_strerror(problem));
    memset(out, 0, sizeof *out);
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *length = found->ai_addrlen;
    freeaddrinfo(found);
    if (out->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)out)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)out)->sin_port = htons((uint16_t)port);
    return FXMON_OK;
}

bool fxi_address_loopback(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)at)->sin6_addr);
    return (ntohl(((const struct sockaddr_in *)at)->sin_addr.s_addr) >> 24) == 127;
}

int fxi_address_port(const struct sockaddr_storage *at)
{
    return ntohs(at->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)at)->sin6_port : ((const struct sockaddr_in *)at)->sin_port);
}
