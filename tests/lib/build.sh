# shellcheck shell=bash
# How scripts configure and build a preset of CMakePresets.json. Sourced from the top of the checkout.

# build_preset PRESET [TARGET...]: everything, or the targets named.
build_preset() {
  local preset=$1 launcher=()
  shift
  # Two checkouts, or a build folder that was thrown away, then cost seconds rather than minutes: paths below the checkout
  # count as relative ones, and precompiled headers by what they hold.
  if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
    export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  fi
  cmake --preset "$preset" "${launcher[@]}" >/dev/null
  cmake --build --preset "$preset" ${1:+--target "$@"}
}
