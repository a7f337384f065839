# shellcheck shell=bash disable=SC2034  # the lists are used by those who source this
# The Debian packages of this project, in one place, and how they get onto a machine. Sourced by run.sh and test.sh.

# To build the exporter and its tests (CMake looks for python3, which runs them).
build_packages=(
  catch2 ccache cmake g++ libarchive-dev libcivetweb-dev libcli11-dev libcrypt-dev libjs-dygraphs libre2-dev libspdlog-dev
  libprotozero-dev libssl-dev libsystemd-dev libyaml-cpp-dev libzstd-dev ninja-build nlohmann-json3-dev pkg-config prometheus-cpp-dev python3 zlib1g-dev
)

# To make and boot the small guest: xz-utils unpacks the modules of Debian 13's kernel, and seabios is only recommended by
# qemu-system-x86, and needed.
guest_packages=(cpio qemu-system-x86 seabios xz-utils)

# To test, beyond the unit tests.
test_packages=(fish groff-base libbenchmark-dev python3-yaml shellcheck systemd util-linux zsh
  bzip2 lz4 xz-utils zstd)

# To test with everything real, beyond the guest: Prometheus, which brings promtool as well, a browser, TLS by a reverse
# proxy, what the pages' commands use, a package (for which cpack runs `file` and dpkg-shlibdeps), a Debian to install
# it in, and bpftrace with a stand-in for a QEMU that has probes.
real_packages=(
  apache2-utils bpftrace chromium chromium-driver curl dpkg-dev file iproute2 mmdebstrap nginx-light openssl prometheus
  systemtap-sdt-dev valgrind
)

# To generate the dashboards.
node_packages=(nodejs npm)

# To build and run the images of docker/, and the engine for it.
docker_packages=(ca-certificates docker-compose iptables mmdebstrap)
engine_packages=(docker.io)

# Runs a command as root.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "error: needs root for: $*; install sudo, or run this as root" >&2
    return 1
  fi
}

# True for a package that is installed and configured.
is_installed() {
  dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# update_package_lists: asks the mirrors what there is. One that is being updated itself, or another apt at work, is given
# a second chance; then what lists there are must do.
update_package_lists() {
  local update=(as_root apt-get update -qq -o APT::Update::Error-Mode=any)
  "${update[@]}" && return
  echo "apt-get update failed; once more in 10 s" >&2
  sleep 10
  "${update[@]}" || echo "warning: apt-get update failed again; going on with the lists that there are" >&2
}

# ensure_packages NAME...: installs those that are missing; calls no apt at all when none is.
ensure_packages() {
  command -v dpkg-query >/dev/null || {
    echo "error: this script installs its parts with apt, and this is no Debian; see README.md for what is needed" >&2
    return 1
  }
  local missing=() package
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  update_package_lists
  # A machine that has just started may be at its own upgrades.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "${missing[@]}" >/dev/null
}

# ensure_package_lists: `apt-get download` needs to know what there is; images often ship without. Lists that
# are old are found out by what fails to download.
ensure_package_lists() {
  apt-cache show busybox-static >/dev/null 2>&1 || update_package_lists
}
