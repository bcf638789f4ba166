#!/bin/sh
# Unpacks this kit beside itself, once, and runs its stages: see `run.sh --help`.
# It needs a glibc of 2.34 or newer, and xz or a python3 to unpack with; nothing is installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$here/unpacked

unpack() {
  if command -v xz >/dev/null; then xz -dc "$1"
  elif command -v python3 >/dev/null; then
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"
  else
    echo 'run.sh: expected xz or python3 to unpack with, found neither: install xz-utils' >&2
    return 1
  fi
}

if [ ! -e "$home/whole" ] || [ "$here/kit.tar.xz" -nt "$home/whole" ]; then
  rm -rf "$home"
  mkdir "$home"
  unpack "$here/kit.tar.xz" >"$home/kit.tar"
  tar -xf "$home/kit.tar" -C "$home"
  rm "$home/kit.tar"
  : >"$home/whole"
fi
exec "$home/node" "$home/node_modules/alexnode/dist/kit/main.js" "$@"
