#!/usr/bin/env bash
# Boots the guest with a disk at each kind of controller and tracing to /var/log/qemu/$NAME.log. Its monitor gets a key a
# second, and asks every ten seconds for QEMU's own account of the disks, which shows in the container's log. The
# SCSI disk has a sector that cannot be read, which the guest tries now and then, so that errors show as well.
set -euo pipefail

name=${NAME:-demo}
disks=/tmp/disks
bad_sector=98304
fault=file.inject-error.0.event=none,file.inject-error.0.sector=$bad_sector
mkdir -p "$disks"
for disk in ide nvme virtio scsi; do
  truncate --size=64M "$disks/$disk.img"
done

steer() {
  local key
  while true; do
    for key in t r a c e m e i f y; do
      echo "sendkey $key"
      sleep 1
    done
    echo "info blockstats"
  done
}

read -r -a trace_options </qemu-args
# QEMU becomes the container's first process, which is the one that `docker stop` tells.
exec qemu-system-x86_64 -M pc -accel tcg -m 256 -display none -nodefaults -vga none -nic none -monitor stdio \
  -kernel /guest/vmlinuz -initrd /guest/initrd.gz -append "quiet panic=-1 disk_count=4 workload=${WORKLOAD:-steady} bad_sector=$bad_sector" \
  -drive "file=$disks/ide.img,format=raw,if=none,id=ide" -device ide-hd,drive=ide \
  -drive "file=$disks/nvme.img,format=raw,if=none,id=nvme" -device nvme,drive=nvme,serial=nvme \
  -drive "file=$disks/virtio.img,format=raw,if=none,id=virtio" -device virtio-blk-pci,drive=virtio \
  -drive "driver=raw,file.driver=blkdebug,file.image.filename=$disks/scsi.img,if=none,id=scsi,$fault" \
  -device virtio-scsi-pci -device scsi-hd,drive=scsi \
  "${trace_options[@]}" -D "/var/log/qemu/$name.log" < <(steer)
