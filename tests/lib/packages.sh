# shellcheck shell=bash disable=SC2034  # the lists are used by those who source this
# The Debian packages of this project, in one place, and how they get onto a machine. Sourced by run.sh and test.sh.

# To build the exporter and its tests (CMake looks for python3, which runs them).
build_packages=(
  catch2 ccache cmake g++ libcivetweb-dev libcli11-dev libcrypt-dev libjs-dygraphs libre2-dev libspdlog-dev libyaml-cpp-dev
  libzstd-dev ninja-build nlohmann-json3-dev pkg-config prometheus-cpp-dev python3 zlib1g-dev
)

# To make and boot the small guest: seabios is only recommended by qemu-system-x86, and needed.
guest_packages=(cpio qemu-system-x86 seabios)

# To test, beyond the unit tests.
test_packages=(groff-base python3-yaml shellcheck systemd util-linux zstd)

# To test with everything real, beyond the guest: Prometheus, which brings promtool as well, a browser, TLS by a reverse
# proxy, and a Debian to install the package in.
real_packages=(chromium chromium-driver dpkg-dev mmdebstrap nginx-light openssl prometheus)

# To generate the dashboards.
node_packages=(nodejs npm)

# To build and run the images of docker/.
docker_packages=(ca-certificates docker-compose docker.io iptables mmdebstrap)

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
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null
}

# ensure_package_lists: `apt-get download` needs to know what there is; images often ship without.
ensure_package_lists() {
  apt-cache show busybox-static >/dev/null 2>&1 || as_root apt-get update -qq
}
