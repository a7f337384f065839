// Names of threads, as `ps -L`, debuggers and /debug/threads show them.
#pragma once

#include <pthread.h>

namespace qte {

// Names the calling thread; the kernel keeps 15 characters.
inline void NameThread(const char* name) {
  ::pthread_setname_np(::pthread_self(), name);
}

}  // namespace qte
