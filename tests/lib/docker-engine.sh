#!/usr/bin/env bash
# docker-engine.sh DIR COMMAND...: runs COMMAND against a Docker engine of its own, which keeps all it has in DIR and ends
# with the command. Its base image is made of Debian's packages, since nothing can be pulled where tests run.
#
# Needs root, and the packages docker.io, docker-compose and mmdebstrap. Ends with 77 where the machine (a container
# itself, say) lets no engine start. Containers reach each other on networks of their own, not the outside: no address
# is translated. Images are built with --network host.
set -euo pipefail

dir=$1
shift
mkdir -p "$dir"
dockerd --data-root "$dir/root" --exec-root "$dir/exec" --pidfile "$dir/pid" --host "unix://$dir/docker.sock" \
  --iptables=false --bridge=none --ip-forward=false >"$dir/log" 2>&1 &
engine=$!
end() {
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  # The network of containers that asked for the host's stays mounted.
  umount "$dir"/exec/netns/* 2>/dev/null || true
}
trap end EXIT
export DOCKER_HOST="unix://$dir/docker.sock" DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
tries=0
until docker info >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [[ $tries -gt 100 ]] || ! kill -0 "$engine" 2>/dev/null; then
    tail -n 20 "$dir/log" >&2
    echo "skipped: no Docker engine can run here; it needs root and leave to mount and to make control groups" >&2
    exit 77
  fi
  sleep 0.1
done
if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
  mmdebstrap --quiet --variant=minbase bookworm - | docker import --change 'CMD ["bash"]' - debian:bookworm-slim >/dev/null
fi
"$@"
