// The descriptors of the server's connections, which CivetWeb does not tell: found among all of the process by what the
// kernel says of them.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>

namespace qte::http {

// Who is at the other end: IPv4 address and port in one number.
using Peer = uint64_t;
Peer PeerOf(const in_addr& address, int port);

class SocketFinder {
 public:
  // The socket connected to `peer` from `local_port`, -1 where there is none, as when the peer has gone. Tries one
  // descriptor after the other, which takes microseconds for dozens and a tenth of a millisecond for a thousand. The
  // descriptor is the caller's to use for as long as it knows the connection to last.
  int Find(Peer peer, int local_port);

  // Calls `see` with every socket that is connected from one of these ports. The descriptor is a duplicate and is
  // closed after the call: that another thread meanwhile closes the connection, and a new one gets its number, does no
  // harm.
  static void ForEach(const std::set<int>& local_ports, const std::function<void(int fd, Peer peer)>& see);

 private:
  std::atomic<int> ceiling_ = 0;  // no descriptor above it has been seen
};

}  // namespace qte::http
