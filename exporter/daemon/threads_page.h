// What each thread of the daemon does, for people: /debug/threads.
#pragma once

#include <string>

namespace qte::daemon {

// A table as text: thread id, name, state, seconds of CPU so far, the kernel's function that it waits in, and its work.
std::string ThreadsAsText();

}  // namespace qte::daemon
