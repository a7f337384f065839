// CMake makes a precompiled header with the first file that uses it, and catch_main.cc cannot: it defines what Catch2 looks
// for before it includes it.
#include "catch.h"
