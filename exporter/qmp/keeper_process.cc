// Which QEMU process is behind a socket, and whether it has ended: what a Keeper notices without a conversation.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "qmp/keeper.h"

namespace qte::qmp {

using std::chrono::milliseconds;

// Processes whose end is watched, each with a descriptor.
constexpr size_t kMostWatched = 256;

// Another file at the path is another QEMU; none is the end of one. The end of a process that is watched is noticed at
// once, so its file needs a look only in case that another QEMU takes the path while the first one still runs.
void Keeper::LookAtFiles(Clock::time_point now) {
  if (now < next_look_) return;
  bool all_watched = true;
  for (auto& [path, socket] : sockets_) {
    all_watched = all_watched && socket.process;
    FileId file = FileAt(path);
    if (std::exchange(socket.file, file) == file) continue;
    socket.next = next_due_ = now;
    socket.retry = milliseconds(0);
  }
  next_look_ = sockets_.empty() ? Clock::time_point::max() : now + (all_watched ? pace_.slow_look : pace_.look);
}

// A disk that is plugged in, snapshotted or moved by a job shows in the log; QEMU tells what it is now. One that it
// never tells of is asked for 3 times.
void Keeper::LookAtDisks(Clock::time_point now) {
  constexpr int kMostAsked = 3;
  if (now < next_disk_look_) return;
  std::vector<const Target*> targets;
  std::vector<Socket*> sockets;
  for (auto& [path, socket] : sockets_) {
    if (!socket.target.drive_names || !socket.up || socket.talk || socket.leaves_at) continue;
    targets.push_back(&socket.target);
    sockets.push_back(&socket);
  }
  next_disk_look_ = sockets_.empty() ? Clock::time_point::max() : now + pace_.disk_look;
  if (targets.empty()) return;
  std::set<std::string> unsettled = host_.Unsettled(targets);
  for (Socket* socket : sockets) {
    if (!unsettled.contains(socket->target.socket)) {
      socket->asked = 0;
    } else if (socket->asked < kMostAsked) {
      ++socket->asked;
      socket->next = next_due_ = now;
    }
  }
}

// The process of this socket has ended, so a look tells more.
void Keeper::NoteExit(Socket& socket) {
  Clock::time_point now = Clock::now();
  socket.process.Reset();
  socket.retry = milliseconds(0);
  socket.next = next_due_ = now;
  next_look_ = std::min(next_look_, now + pace_.look);
}

// What another QEMU had switched on has ended with it.
void Keeper::NoteProcess(Socket& socket, int fd) {
  Process peer = PeerOf(fd);
  Instance instance = {socket.file[0], socket.file[1], socket.file[2], peer.pid, peer.start};
  bool is_other = false;
  for (size_t i = 0; i < instance.size(); ++i) {
    is_other = is_other || (instance[i] != 0 && socket.instance[i] != 0 && instance[i] != socket.instance[i]);
  }
  for (size_t i = 0; i < instance.size() && !is_other; ++i) {
    if (instance[i] == 0) instance[i] = socket.instance[i];
  }
  socket.instance = instance;
  socket.is_gone = false;
  if (is_other) {
    socket.switches = Switches();
    socket.tries.clear();
    socket.process.Reset();
    spdlog::info("{}: this is another QEMU than before", socket.target.socket);
    host_.OnNewProcess(socket.target);
  }
  if (!socket.process && watched_.size() < kMostWatched) {
    socket.process = Watch(peer);
    if (socket.process) watched_.push_back(&socket);
  }
}

// A process that still runs may have lost its socket for another reason.
void Keeper::NoteGone(Socket& socket) {
  bool is_known = socket.instance != Instance();
  if (!is_known || socket.is_gone || Watch({socket.instance[3], socket.instance[4]})) return;
  socket.is_gone = true;
  host_.OnGone(socket.target);
}

}  // namespace qte::qmp
