#!/usr/bin/env bash
# From a fresh Debian to metrics in one command; see usage() below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tests/lib/packages.sh
. tests/lib/packages.sh
# shellcheck source=tests/lib/build.sh
. tests/lib/build.sh

exporter=build/release/exporter/daemon/qemu-trace-exporter

usage() {
  cat <<'USAGE'
usage: ./run.sh [--once] [--port=N] [-- EXPORTER_FLAG...]
       ./run.sh FILE... [-- EXPORTER_FLAG...]

Without a FILE: boots a small guest under QEMU with tracing on, follows its trace, and serves the metrics of it, until
Ctrl-C. With FILEs (globs and FIFOs as well): follows those.

What is missing is installed (Debian 12 or later, by apt-get) and built first, under build/.

  --once     end after the first look at the metrics; QTE_RUN_SECONDS=N in the environment gives it N seconds more
  --port=N   serve on 127.0.0.1:N instead of 127.0.0.1:10177
  --help     this text
Flags after -- go to qemu-trace-exporter; see ./run.sh FILE -- --help.
USAGE
}

# Builds the exporter, showing the compiler's words only when it fails.
build_exporter() {
  mkdir -p build
  [[ -x $exporter ]] || echo "Building (some minutes the first time) ..."
  build_preset release qemu-trace-exporter >build/run-build.log 2>&1 || {
    tail -n 40 build/run-build.log >&2
    echo "error: the build failed; build/run-build.log has all of it" >&2
    return 1
  }
}

follow_files() {
  local paths=() file
  for file in "${files[@]}"; do
    # Relative names are the caller's, from before the cd above.
    [[ $file == /* || $file == - ]] || file=$caller/$file
    paths+=("--trace.path=$file")
  done
  exec "$exporter" serve "--web.listen-address=127.0.0.1:$port" "${paths[@]}" "${flags[@]}"
}

run_demo() {
  local options=("--port=$port")
  [[ -z $seconds ]] || options+=("--seconds=$seconds")
  exec env QTE_BINARY="$PWD/$exporter" python3 tests/guest/demo.py "${options[@]}" -- "${flags[@]}"
}

caller=$OLDPWD
port=10177
seconds=${QTE_RUN_SECONDS-}
files=()
flags=()
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help) usage && exit ;;
    --once) seconds=${seconds:-0} ;;
    --port=*) port=${1#--port=} ;;
    --) shift && flags=("$@") && break ;;
    -?*) echo "error: unknown option $1; flags for the exporter go after --" >&2 && exit 2 ;;
    *) files+=("$1") ;;
  esac
  shift
done

if [[ ${#files[@]} -gt 0 ]]; then
  ensure_packages "${build_packages[@]}"
  build_exporter
  follow_files
else
  ensure_packages "${build_packages[@]}" "${guest_packages[@]}"
  ensure_package_lists
  build_exporter
  run_demo
fi
