# Sourced. install_packages NAME...: the Debian packages that a rig needs, of the release's own versions; only what is
# missing is installed, under a lock, because `apt-get update` deletes what another installation has just downloaded.
# Returns 1 and names what is missing when it cannot install.

missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

install_packages() {
  command -v dpkg-query >/dev/null || return 0 # another distribution: what is not there will be missed by name
  local missing
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "missing Debian packages: $missing(run as root, or install them)" >&2
    return 1
  fi
  echo "installing Debian packages: $missing" >&2
  (
    flock 9
    # shellcheck disable=SC2086
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
  ) 9>/var/lock/varve-apt.lock >&2
}
