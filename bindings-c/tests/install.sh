#!/bin/sh
# Installs into an empty directory, moves that elsewhere, and builds the example programs against it as
# strangers would: with pkg-config, shared and static, and with CMake.
#
#   install.sh <directory of the libraries>
set -eu
lib=$1
here=$(cd "$(dirname "$0")" && pwd)
examples=$here/../../examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${MAKE:-make}" --no-print-directory -C "$here/.." install DESTDIR="$work/stage" PREFIX=/usr > "$work/log" 2>&1 \
    || { cat "$work/log" >&2; exit 1; }
mv "$work/stage/usr" "$work/moved"
export PKG_CONFIG_PATH="$work/moved/lib/pkgconfig" LD_LIBRARY_PATH="$work/moved/lib"

# run PROGRAM: its main job, in two processes
run() {
    rm -rf "$work/data"
    "$1" "$work/data" first "$examples/guest/app.luau" > "$work/out"
    "$1" "$work/data" second "$examples/guest/app.luau" >> "$work/out"
    if ! grep -q "requests=4 hidden=yes closed=yes" "$work/out"; then
        cat "$work/out" >&2
        exit 1
    fi
}

flags="-std=c99 -Wall -Wextra -Werror -pedantic"
${CC:-cc} $flags "$examples/c/platform.c" -o "$work/shared" $(pkg-config --cflags --libs facetbox)
run "$work/shared"
${CC:-cc} $flags "$examples/c/platform.c" -o "$work/static" $(pkg-config --cflags facetbox) \
    "$work/moved/lib/libfacetbox.a" $(pkg-config --libs --static facetbox | sed 's/-lfacetbox//')
LD_LIBRARY_PATH= run "$work/static"

mkdir "$work/project"
cat > "$work/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.16)
project(stranger CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(facetbox $(pkg-config --modversion facetbox) REQUIRED)
foreach(kind facetbox static)
    add_executable(with_\${kind} $examples/cpp/platform.cpp)
    target_link_libraries(with_\${kind} facetbox::\${kind})
endforeach()
END
cmake -S "$work/project" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" > "$work/log"
cmake --build "$work/build" >> "$work/log" || { cat "$work/log" >&2; exit 1; }
run "$work/build/with_facetbox"
LD_LIBRARY_PATH= run "$work/build/with_static"

# Another version than the one that is asked for isn't found.
sed -i 's/find_package(facetbox [0-9.]*/find_package(facetbox 99.0/' "$work/project/CMakeLists.txt"
if cmake -S "$work/project" -B "$work/other" -DCMAKE_PREFIX_PATH="$work/moved" > /dev/null 2>&1; then
    echo "CMake took this version for 99.0" >&2
    exit 1
fi
echo "install: pkg-config and CMake find it, shared and static"
