#!/usr/bin/env bash
# The benchmarks of this folder, whose tables README.md shows. Each takes up to three minutes, but for `compare`.
#
#   tests/bench/run.sh [compare]     `replay` beside mtail, mawk, grep and wc on one core: ten minutes; --quick: one
#   tests/bench/run.sh scrape        CPU time of scrapes of up to 100,000 series, memory of a series
#   tests/bench/run.sh load          how long scrapes take while 5,000,000 lines come in
#   tests/bench/run.sh freshness     how soon a line shows in /metrics; wake-ups of an idle daemon
#   tests/bench/run.sh following     memory while 10 GB go by; CPU time for a million lines at several paces
#   tests/bench/run.sh guest         what it costs a real QEMU to be followed
#   tests/bench/run.sh events       lines and bytes of log that a request, a key and a boot cost
#   tests/bench/run.sh scaling       what more rules and more files cost
#   tests/bench/run.sh workers       two files on two cores beside one: `replay`, and `serve` catching up
#   tests/bench/run.sh instructions  instructions a line of `replay`, by callgrind
#   tests/bench/run.sh stages        the stages of the hot path one by one, by Google Benchmark
#   tests/bench/run.sh --all         all of them, one after the other
#
# Options go to the one benchmark: `tests/bench/run.sh scrape --help`. Installs what is missing (Debian 12 or later) and
# builds the release preset.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=../lib/packages.sh
. tests/lib/packages.sh
# shellcheck source=../lib/build.sh
. tests/lib/build.sh

declare -A scripts=([compare]=compare [scrape]=scrape_cost [load]=scrape_under_load [freshness]=freshness
  [following]=following [guest]=guest_cost [events]=event_cost [scaling]=scaling [workers]=workers [instructions]=instructions
  [stages]=stages)
order=(compare scrape load freshness following guest events scaling workers instructions stages)

usage() {
  sed -n '2,/^set/ { /^#/ s/^# \{0,1\}//p }' tests/bench/run.sh
}

chosen=(compare)
case ${1:-} in
  --all)
    chosen=("${order[@]}")
    shift
    ;;
  --help | -h)
    usage
    exit 0
    ;;
  -* | '') ;;
  *)
    if [[ -z ${scripts[$1]:-} ]]; then
      echo "run.sh: there is no benchmark \"$1\"" >&2
      usage >&2
      exit 2
    fi
    chosen=("$1")
    shift
    ;;
esac

ensure_packages "${build_packages[@]}" "${guest_packages[@]}" libbenchmark-dev mawk mtail util-linux valgrind
build_preset release >&2
if ((${#chosen[@]} == 1)); then
  exec python3 "tests/bench/${scripts[${chosen[0]}]}.py" "$@"
fi
for name in "${chosen[@]}"; do
  printf '## %s\n\n' "$name"
  python3 "tests/bench/${scripts[$name]}.py"
  echo
done
