#!/bin/sh
# Installs headers, libraries, what pkg-config and CMake need to find them, and the Go package.
#
#   install.sh <directory of the libraries> <destination, such as /usr/local>
set -eu
lib=$1
to=$2
here=$(cd "$(dirname "$0")" && pwd)
include=$here/../include

define() { sed -n "s/^#define $1 \"*\([0-9.]*\)\"*\$/\1/p" "$include/facetbox.h"; }
version=$(define FACETBOX_VERSION)
abi=$(define FACETBOX_ABI_VERSION)

# fill TEMPLATE FILE
fill() {
    mkdir -p "$(dirname "$2")"
    sed -e "s/@VERSION@/$version/" -e "s/@ABI@/$abi/" "$here/packaging/$1" > "$2"
}

mkdir -p "$to/include/facetbox" "$to/lib"
install -m 644 "$include/facetbox.h" "$include/facetbox.hpp" "$to/include"
install -m 644 "$include"/facetbox/*.hpp "$to/include/facetbox"
install -m 644 "$lib/libfacetbox.a" "$to/lib"
install -m 755 "$lib/libfacetbox.so" "$to/lib/libfacetbox.so.$version"
ln -sf "libfacetbox.so.$version" "$to/lib/libfacetbox.so.$abi"
ln -sf "libfacetbox.so.$abi" "$to/lib/libfacetbox.so"
fill facetbox.pc.in "$to/lib/pkgconfig/facetbox.pc"
fill facetbox-static.pc.in "$to/lib/pkgconfig/facetbox-static.pc"
fill facetbox-config.cmake.in "$to/lib/cmake/facetbox/facetbox-config.cmake"
fill facetbox-config-version.cmake.in "$to/lib/cmake/facetbox/facetbox-config-version.cmake"

install -D -m 644 "$lib/THIRD-PARTY-NOTICES.txt" "$to/share/facetbox/THIRD-PARTY-NOTICES.txt"

# The Go package, for a `replace` of go.mod; it finds the library with pkg-config.
go=$to/share/facetbox/go
mkdir -p "$go"
for file in "$here"/go/*.go "$here"/go/go.mod "$here"/go/bridge.[ch]; do
    case $file in *_test.go) ;; *) install -m 644 "$file" "$go" ;; esac
done
fill link.go.in "$go/link.go"
