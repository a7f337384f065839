#!/usr/bin/env bash
# docker-engine.sh DIR COMMAND...: runs COMMAND against a Docker engine of its own, which keeps all it has in DIR and ends
# with the command. Its base image is made of Debian's packages, since nothing can be pulled where tests run.
#
# Needs root, and the packages docker.io, docker-compose and mmdebstrap. Containers reach each other on networks of their
# own, not the outside: no address is translated. Images are built with --network host.
#
# Ends with 77, ctest's sign for a skipped test, where the machine lets no engine run (it may be a container itself), for a
# reason that is found and told. An engine that does not run for any other reason is a failure, and so is, with
# QTE_REQUIRE_ALL in the environment, a program that is missing.
set -euo pipefail

dir=$1
shift

for program in dockerd docker docker-compose mmdebstrap; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || {
    echo "skipped, for want of: $program" >&2
    [[ -z ${QTE_REQUIRE_ALL-} ]] || exit 1
    exit 77
  }
done

# What the machine forbids that an engine cannot do without.
forbidden() {
  local group
  if [[ $EUID -ne 0 ]]; then
    echo "only root may start one"
  elif ! unshare --mount mount -t tmpfs none /tmp 2>/dev/null; then
    echo "mounting is forbidden"
  else
    group=/sys/fs/cgroup
    [[ -d $group/devices ]] && group=$group/devices
    if mkdir "$group/qte-$$" 2>/dev/null; then
      rmdir "$group/qte-$$"
    else
      echo "making control groups is forbidden"
    fi
  fi
}

# no_engine LOG: the end where no engine runs.
no_engine() {
  local reason
  tail -n 20 "$1" >&2
  reason=$(forbidden)
  [[ -n $reason ]] || {
    echo "error: the Docker engine does not run, and the machine forbids nothing that it needs" >&2
    exit 1
  }
  echo "skipped: no Docker engine can run here: $reason" >&2
  exit 77
}

mkdir -p "$dir"
dockerd --data-root "$dir/root" --exec-root "$dir/exec" --pidfile "$dir/pid" --host "unix://$dir/docker.sock" \
  --iptables=false --bridge=none --ip-forward=false >"$dir/log" 2>&1 &
engine=$!
end() {
  # A network's bridge would outlive the engine.
  docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null || true
  docker network prune --force >/dev/null || true
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
  if [[ $tries -gt 300 ]] || ! kill -0 "$engine" 2>/dev/null; then
    no_engine "$dir/log"
  fi
  sleep 0.1
done
if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
  mmdebstrap --quiet --variant=minbase bookworm - | docker import --change 'CMD ["bash"]' - debian:bookworm-slim >/dev/null
fi
docker run --rm --network none debian:bookworm-slim true >"$dir/first" 2>&1 || no_engine "$dir/first"
# In the background, as only then a signal to this script is heard before the command's end.
"$@" &
command=$!
trap 'kill "$command" 2>/dev/null' TERM INT
wait "$command"
