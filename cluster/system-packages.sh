#!/bin/sh
# Installs the system packages that Gantry's parts need, or names the one line that does.
#
#   system-packages.sh [node] [cri] [etcd] [test]      default: all of them
#
#   node  real containers: runc, conmon, umoci, skopeo, cgroup-tools, busybox, ip, socat
#   cri   containerd, for `gantry up --driver cri`
#   etcd  the etcd server, for `gantry up --etcd`
#   test  what only the tests need: kubectl (any version that is there is taken), user-mode Linux (for cgroup v2),
#         an image registry
#
# Used by `gantry up`, by `npm test` and by CI alike. Silent and quick when nothing is missing.
set -eu
[ $# -gt 0 ] || set -- node cri etcd test

missing=""
need() { # need COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

PATH="$PATH:/usr/sbin:/sbin:/usr/lib/google-cloud-sdk/bin"
for set in "$@"; do
  case "$set" in
    node)
      need runc runc
      need conmon conmon
      need umoci umoci
      need skopeo skopeo
      need cgcreate cgroup-tools
      need busybox busybox-static
      need ip iproute2
      need nft nftables
      need iptables iptables
      need /usr/lib/cni/bridge containernetworking-plugins
      need socat socat
      ;;
    cri) need containerd containerd ;;
    etcd) need etcd etcd-server ;;
    test)
      need kubectl kubernetes-client
      need linux.uml user-mode-linux
      need docker-registry docker-registry
      ;;
    *) echo "system-packages.sh: unknown set '$set' (known: node, cri, etcd, test)" >&2; exit 2 ;;
  esac
done
[ -n "$missing" ] || exit 0

line="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "gantry: installing system packages:$missing" >&2
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # A fresh machine has no package lists yet, so the first try may fail for that reason alone.
  # shellcheck disable=SC2086
  if ! apt-get install -y -qq --no-install-recommends $missing >"$log" 2>&1; then
    if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
      tail -n 15 "$log" >&2
      echo "gantry: could not install:$missing" >&2
      exit 1
    fi
  fi
  rm -f "$log"
  exit 0
fi
echo "gantry: missing system packages:$missing" >&2
echo "gantry: install them with:  sudo $line" >&2
exit 3
