# Sourced by ./varve and tests/run: finds a JDK 25 or newer and sets JAVA_HOME, or says how to get one and returns 1.
# Order: $JAVA_HOME, then /usr/lib/jvm (the lowest release that is at least 25), then the java on the PATH.

jdk_major() { # the release's major number of the JDK in directory $1, or nothing
  [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
  sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

find_jdk() {
  local dir major best='' best_major=1000
  major=$(jdk_major "${JAVA_HOME:-/nonexistent}")
  if [ -n "$major" ] && [ "$major" -ge 25 ]; then
    export JAVA_HOME
    return 0
  fi
  for dir in /usr/lib/jvm/*/; do
    dir=${dir%/}
    major=$(jdk_major "$dir")
    if [ -n "$major" ] && [ "$major" -ge 25 ] && [ "$major" -lt "$best_major" ]; then
      best=$dir best_major=$major
    fi
  done
  if [ -z "$best" ] && command -v java >/dev/null; then
    dir=$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")
    major=$(jdk_major "$dir")
    if [ -n "$major" ] && [ "$major" -ge 25 ]; then best=$dir; fi
  fi
  if [ -n "$best" ]; then
    export JAVA_HOME=$best
    return 0
  fi
  cat >&2 <<'TEXT'
Varve needs a JDK 25, and none was found in $JAVA_HOME, under /usr/lib/jvm or on the PATH.
  Debian 13 and newer:  apt-get install openjdk-25-jdk-headless
  elsewhere:            unpack Eclipse Temurin 25 (a JDK, not a JRE) under /usr/lib/jvm, or set JAVA_HOME to where it is
TEXT
  return 1
}
