#!/usr/bin/env bash
# make-guest.sh DIR [KERNEL]: makes a small Linux guest for QEMU, DIR/vmlinuz and DIR/initrd.gz, out of Debian packages
# (a kernel and busybox). Nothing is installed, and root is needed only where apt's lists of packages are missing or too
# old; what is there already is kept.
#
# KERNEL is `cloud` (the default), which boots in about ten seconds without KVM, or `amd64`, which takes some longer and
# has drivers for everything. The rest is in init, beside this file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/packages.sh
. "$here/../lib/packages.sh"
guest=$(mkdir -p "$1" && cd "$1" && pwd)
kernel=${2:-cloud}
work=$guest/parts
initrd=$guest/parts/initrd

# Modules by the devices that tests and demos use. What the kernel has built in (NVMe, the AT keyboard) has no file, and
# is skipped; dependencies are found by themselves.
modules=(ata_piix sd_mod sr_mod virtio_pci virtio_blk virtio_scsi)
# What the cloud kernel was built without.
[[ $kernel == cloud ]] || modules+=(ahci nvme sym53c8xx am53c974 megaraid_sas mptsas vmw_pvscsi xhci_pci ehci_pci usb_storage uas
                                  virtio_net virtio_rng e1000 e1000e igb 8139cp)

# Downloads into $work; `apt-get download` writes to the current directory.
download_packages() {
  local newest=linux-image-amd64 image parts
  [[ $kernel == amd64 ]] || newest=linux-image-$kernel-amd64
  image=$(apt-cache depends "$newest" | awk '/Depends: linux-image-/ && !found {print $2; found = 1}') || true
  [[ -n $image ]] || {
    echo "apt knows no $newest" >&2
    return 1
  }
  # After Debian 13, what an image had lies in packages that it depends on.
  mapfile -t parts < <(apt-cache depends "$image" | awk '/Depends: linux-(binary|modules)-/ {print $2}')
  # As root, apt would warn that its own user cannot write here.
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$image" "${parts[@]}" busybox-static)
}

# Into $work/root.
fetch_packages() {
  # Lists that are some weeks old name packages that the mirrors have no longer.
  download_packages || {
    echo "Asking the mirrors what there is" >&2
    update_package_lists
    download_packages
  }
  local package
  for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$work/root"
  done
}

# Since Debian 13, a kernel's modules are compressed.
contents_of() {
  case $1 in
    *.xz) xz --decompress --stdout "$1" ;;
    *) cat "$1" ;;
  esac
}

# add_module NAME: copies a module after those it depends on, numbered, so that the guest loads them in this order.
loaded=" "
count=0
add_module() {
  local name=${1//-/_} file module dependency
  [[ $loaded == *" $name "* ]] && return
  loaded+="$name "
  file=$(find "$work/root" -path '*/lib/modules/*' -name "${name//_/[-_]}.ko*" -print -quit)
  [[ -n $file ]] || return 0
  module=$work/$name.ko
  contents_of "$file" >"$module"
  # A module names what it depends on in its .modinfo section: "depends=a,b" between two NULs.
  for dependency in $(tr '\0' '\n' <"$module" | sed -n 's/^depends=//p' | tr ',' ' '); do
    add_module "$dependency"
  done
  count=$((count + 1))
  mv "$module" "$initrd/modules/$(printf %02d "$count")-$name.ko"
}

make_initrd() {
  local module
  mkdir -p "$initrd"/{bin,modules,proc,sys,dev}
  # It lies in bin/ on Debian 12 and in usr/bin/ on later releases.
  cp "$(find "$work/root" -path '*/bin/busybox')" "$initrd/bin/"
  install -m 755 "$here/init" "$initrd/init"
  # Only a test misses it.
  if command -v "${CC:-cc}" >/dev/null; then
    "${CC:-cc}" -Os -static -nostdlib -fno-stack-protector -o "$initrd/bin/zeroout" "$here/zeroout.c"
  fi
  for module in "${modules[@]}"; do
    add_module "$module"
  done
  (cd "$initrd" && find . | cpio --quiet -o -H newc | gzip -9n) >"$guest/initrd.gz.new"
  cp "$(find "$work/root" -name 'vmlinuz*')" "$guest/vmlinuz.new"
  mv "$guest/vmlinuz.new" "$guest/vmlinuz"
  mv "$guest/initrd.gz.new" "$guest/initrd.gz"
}

# One at a time: tests that need the guest may start together.
exec {lock}>"$guest/lock"
flock "$lock"

# Made again when its sources here have changed.
stamp=$(cat "$here"/{init,make-guest.sh,zeroout.c} - <<<"$kernel" | sha256sum)
if [[ -f $guest/vmlinuz && -f $guest/initrd.gz && $(cat "$guest/stamp" 2>/dev/null) == "$stamp" ]]; then
  exit 0
fi
echo "Making the guest in $guest (downloads 30 to 70 MB)"
rm -rf "$work"
mkdir -p "$work/root"
fetch_packages
make_initrd
rm -rf "$work"
echo "$stamp" >"$guest/stamp"
