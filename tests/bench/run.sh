#!/usr/bin/env bash
# The table of README.md in this folder: our `replay` beside mtail, mawk, grep and wc, on one core, in one run.
#
#   tests/bench/run.sh            a million lines an input, medians of five: about ten minutes
#   tests/bench/run.sh --quick    a tenth of it, medians of three
#
# Installs what is missing (Debian 12) and builds the release preset.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=../lib/packages.sh
. tests/lib/packages.sh
# shellcheck source=../lib/build.sh
. tests/lib/build.sh
ensure_packages "${build_packages[@]}" mawk mtail util-linux
build_preset release >&2
exec python3 tests/bench/compare.py "$@"
