#!/usr/bin/env bash
# All tests in one command; see usage() below. The last line says how many passed and failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tests/lib/packages.sh
. tests/lib/packages.sh
# shellcheck source=tests/lib/build.sh
. tests/lib/build.sh

logs=build/test-logs

usage() {
  cat <<'USAGE'
usage: ./test.sh [--quick] [--asan] [--tsan] [--docker] [--trixie] [--all]

Installs what is missing (Debian 12 or later), builds, and runs the tests. Without options: all tests on the release build
(unit, golden, end to end with a real QEMU and Prometheus) but the longest, in less than ten minutes on two cores.

  --quick   the release build without QEMU and Prometheus
  --asan    unit and golden tests under AddressSanitizer and UndefinedBehaviorSanitizer
  --tsan    tests of threads under ThreadSanitizer, and of all that scans bytes without SIMD
  --docker  the images of docker/, built and run by a Docker engine of the test's own; needs root
  --trixie  --quick and ./run.sh --once in a root directory of Debian 13, which is made for this; needs root
  --all     the release, --asan, --tsan and --docker runs, one after the other
  -h        this text
Options add up. Logs are kept in build/test-logs. The exit code is 0 only when all passed.
USAGE
}

# run_tests NAME PRESET TARGETS CTEST_OPTION...: builds targets of a preset ("" for all) and runs tests of it. Failures are
# told by the summary at the end.
run_tests() {
  local name=$1 preset=$2 targets started=$SECONDS
  read -ra targets <<<"$3"
  shift 3
  reports+=("$logs/$name.xml")
  rm -f "$logs/$name.xml"
  echo "== $name: building"
  if ! build_preset "$preset" "${targets[@]}" >"$logs/$name-build.log" 2>&1; then
    grep -nE -A 8 'error|FAILED' "$logs/$name-build.log" | head -n 80 || tail -n 40 "$logs/$name-build.log"
    echo "FAILED $name: the build; $logs/$name-build.log has all of it"
    return
  fi
  echo "== $name: testing (built in $((SECONDS - started)) s)"
  started=$SECONDS
  ctest --test-dir "build/$preset" --parallel 3 --no-tests=error --output-on-failure --test-output-size-failed 200000 \
    --test-output-size-passed 20000 --output-junit "$PWD/$logs/$name.xml" "$@" >"$logs/$name.log" 2>&1 || true
  echo "== $name: done in $((SECONDS - started)) s; $logs/$name.log"
}

arguments=("$@")
runs=()
quick=
all=
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help) usage && exit ;;
    --quick) quick=1 && runs+=(release) ;;
    --asan | --tsan | --docker | --trixie) runs+=("${1#--}") ;;
    --all) all=1 && runs=(release asan tsan docker) ;;
    *) echo "error: unknown option $1" >&2 && usage >&2 && exit 2 ;;
  esac
  shift
done
[[ ${#runs[@]} -gt 0 ]] || runs=(release)

# ThreadSanitizer of g++ 12 dies at start where the kernel spreads addresses over 32 bits, as newer ones do. So this starts
# again without. Containers may forbid it; root may then have the kernel spread them less until the end.
spread=/proc/sys/vm/mmap_rnd_bits
if [[ " ${runs[*]} " == *" tsan "* && -z ${QTE_PLAIN_ADDRESSES-} ]]; then
  if setarch -R true 2>/dev/null; then
    QTE_PLAIN_ADDRESSES=1 exec setarch -R ./test.sh "${arguments[@]}"
  fi
  bits=$(cat "$spread" 2>/dev/null || echo 0)
  if [[ $bits -gt 28 ]]; then
    if { echo 28 >"$spread"; } 2>/dev/null; then
      echo "For ThreadSanitizer, vm.mmap_rnd_bits is 28 instead of $bits until the end: setarch -R is forbidden here"
      trap 'echo "$bits" >"$spread"' EXIT
    else
      echo "warning: ThreadSanitizer may die at start: setarch -R is forbidden here, and vm.mmap_rnd_bits is $bits, above 28" >&2
    fi
  fi
fi

packages=("${build_packages[@]}" "${test_packages[@]}")
[[ -n $quick ]] || packages+=("${guest_packages[@]}" "${real_packages[@]}")
ensure_packages "${packages[@]}"
if [[ " ${runs[*]} " == *" docker "* ]]; then
  ensure_packages "${docker_packages[@]}"
  # Not from Debian where there is one already, as docker.io conflicts with docker-ce.
  PATH=$PATH:/usr/sbin command -v dockerd >/dev/null || ensure_packages "${engine_packages[@]}"
fi
# Not from Debian where there is one already, as its nodejs would replace another.
[[ -z $all ]] || command -v npm >/dev/null || ensure_packages "${node_packages[@]}"
[[ -n $quick ]] || ensure_package_lists
mkdir -p "$logs"
# All parts are installed, so that a test which misses one is broken rather than skipped.
[[ -n $quick ]] || export QTE_REQUIRE_ALL=1
# Where two sanitizers disagree with the machine, they should say so at once.
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/lib/tsan.supp

reports=()
for run in "${runs[@]}"; do
  case $run in
    release)
      skipped="docker|trixie${quick:+|qemu}"
      [[ -n ${all-} ]] || skipped+="|long"
      run_tests release release "" --label-exclude "$skipped"
      ;;
    asan) run_tests asan asan "" --label-exclude 'e2e|docker|trixie' ;;
    # Where threads meet: the daemon as a process, and the unit tests of the folders that start or share threads. This
    # preset is without SIMD, so what scans bytes, and whole traces, are held against the same numbers that way, too.
    tsan)
      folders="base trace source qmp metrics exposition http page guests daemon"
      run_tests tsan tsan "qemu-trace-exporter ${folders// /_test }_test" \
        --tests-regex "^(${folders// /|}|golden):|^e2e: (cli|pipes|same numbers from (a_fi|stan))"
      ;;
    docker | trixie) run_tests "$run" release "" --label-regex "$run" ;;
  esac
done
python3 tests/lib/summary.py "${reports[@]}"
