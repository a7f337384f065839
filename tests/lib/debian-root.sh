#!/usr/bin/env bash
# debian-root.sh SUITE COMMAND...: runs COMMAND as root in a copy of this tree, in a root directory of another Debian
# release, by the machine's own kernel.
#
# The root directory begins with the release's smallest set of packages, from the mirror that apt has here. It is kept in
# ${XDG_CACHE_HOME:-~/.cache}/qemu-trace-exporter/SUITE for a week, with the packages and the compiler cache that COMMAND
# leaves in it. The copy of the tree is made anew each time, without its build folder.
#
# Needs root and mmdebstrap. Where no such root directory can be made, this ends with 77, ctest's sign for a skipped test,
# and the last line says why. With QTE_REQUIRE_ALL in the environment, a missing mmdebstrap is a failure.
set -euo pipefail

suite=$1
script=$(realpath "${BASH_SOURCE[0]}")
tree=$(dirname "$script")/../..
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/qemu-trace-exporter/$suite
root=$cache/root

skip() {
  echo "skipped: no root directory of Debian $suite can be made: $*" >&2
  exit 77
}

# Processes and mounts are in namespaces of their own: the kernel ends and unmounts all of them with this script, whatever
# happens to it.
if [[ -z ${QTE_IN_NAMESPACES-} ]]; then
  [[ $EUID -eq 0 ]] || skip "only root may make one"
  command -v mmdebstrap >/dev/null || {
    [[ -z ${QTE_REQUIRE_ALL-} ]] || { echo "error: mmdebstrap is missing" >&2 && exit 1; }
    skip "mmdebstrap is missing"
  }
  isolate=(unshare --mount --pid --fork --kill-child --mount-proc)
  "${isolate[@]}" true || skip "namespaces are forbidden"
  QTE_IN_NAMESPACES=1 exec "${isolate[@]}" "$script" "$@"
fi
shift

make_root() {
  local mirror
  echo "Making a root directory of Debian $suite in $root"
  # shellcheck disable=SC2016 # apt-get fills it in
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$') || true
  rm -rf "$root" "$cache/made"
  # This root directory need not survive a power failure, so dpkg does not wait for the disk.
  mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=force-unsafe-io "$suite" "$root" ${mirror:+"$mirror"} \
    >"$cache/log" 2>&1 || {
    cat "$cache/log" >&2
    skip "mmdebstrap failed: $(tail -n 1 "$cache/log")"
  }
  touch "$cache/made"
}

mkdir -p "$cache"
exec {lock}>"$cache/lock"
flock "$lock"
[[ -n $(find "$cache/made" -mtime -7 2>/dev/null) ]] || make_root

rm -rf "$root/src" "$root"/tmp/*
mkdir "$root/src"
tar --create --directory "$tree" --exclude-vcs --exclude=./build --exclude=node_modules . |
  tar --extract --directory "$root/src" --no-same-owner
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true

# pivot_root rather than chroot, since the kernel forbids namespaces within the latter, and tests use them.
mount --bind "$root" "$root"
cd "$root"
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs tmpfs run
pivot_root . mnt
umount --lazy /mnt
cd /src
proxies=()
for name in http_proxy https_proxy no_proxy; do
  [[ -z ${!name-} ]] || proxies+=("$name=${!name}")
done
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "${proxies[@]}" "$@"
