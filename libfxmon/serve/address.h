/* serve/address.h - socket addresses: what --listen means, which addresses are this machine alone, who a client is. */
#ifndef FXI_ADDRESS_H
#define FXI_ADDRESS_H
#include <fxmon/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

/** A client for the count per address: an IPv6 client is its /64, or one of them would have 2^64 addresses. */
typedef struct fxi_address { unsigned char bytes[16]; uint16_t port; bool six; } fxi_address;
fxi_address fxi_address_of(const struct sockaddr_storage *from);
bool fxi_address_equal(const fxi_address *a, const fxi_address *b);
socklen_t fxi_address_back(const fxi_address *a, struct sockaddr_storage *out);

/** HOST:PORT, [V6]:PORT, :PORT (all addresses) or PORT (127.0.0.1). */
int fxi_address_split(const char *listen, char *host, size_t size, int *port, fxmon_error *error);
int fxi_address_resolve(const char *host, int port, struct sockaddr_storage *out, socklen_t *length, fxmon_error *error);
bool fxi_address_loopback(const struct sockaddr_storage *at);
int fxi_address_port(const struct sockaddr_storage *at);
#endif
