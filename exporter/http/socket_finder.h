// The sockets of the server's connections, which CivetWeb does not tell: found among all of the process by what the
// kernel says of them.
//
// They serve to end a connection, never to write to one: only CivetWeb knows to which connection an answer belongs. An
// address and a port do not name one connection, since a client may use the same local port for two addresses of ours,
// and again as soon as its old connection is gone.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <set>

namespace qte::http {

// The two ports and the client's IPv4 address in one number. Connections to two addresses of ours may share it.
using Peer = uint64_t;
Peer PeerOf(const in_addr& address, int port, int local_port);

// Calls `see` with every socket that is connected from one of these ports. The descriptor is a duplicate and is closed
// after the call. So if another thread closes the connection meanwhile and a new one gets its number, `see` still has
// the connection that it began with.
void ForEachSocket(const std::set<int>& local_ports, const std::function<void(int fd, Peer peer)>& see);

}  // namespace qte::http
