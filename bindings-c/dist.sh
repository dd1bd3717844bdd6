#!/bin/sh
# Packs what install.sh installs, stripped, to be unpacked anywhere: facetbox-c-<version>-<system>.tar.gz.
# The same library gives the same bytes.
#
#   dist.sh <directory of the libraries> <destination>
set -eu
lib=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)

case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) machine=$(uname -m) ;;
esac
version=$(sed -n 's/^#define FACETBOX_VERSION "\(.*\)"$/\1/p' "$here/../include/facetbox.h")
name=facetbox-c-$version-$(uname | tr '[:upper:]' '[:lower:]')-$machine
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/install.sh" "$lib" "$work/$name"
cp "$here/../LICENSE-MIT" "$here/../LICENSE-APACHE" "$work/$name/share/facetbox"
strip --strip-unneeded "$work/$name"/lib/libfacetbox.a "$work/$name"/lib/libfacetbox.so.*.*
mkdir -p "$out"
tar --create --directory "$work" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$name" \
    | gzip --no-name > "$out/$name.tar.gz"

# The static library is no finished artefact: most of what it has more than the shared one is for the linker. The
# install test looks at programs that are linked with it.
for file in "$out/$name.tar.gz" "$work/$name"/lib/libfacetbox.so.*.*; do
    "$here/tests/size.sh" "$file"
done
