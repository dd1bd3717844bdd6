#!/bin/sh
# Unpacks the packed library into an empty directory, and builds the example programs against it as strangers
# would, without Rust: C with pkg-config, shared and static, C++ with CMake, and a Go module.
#
#   install.sh <directory of the libraries>
set -eu
lib=$1
here=$(cd "$(dirname "$0")" && pwd)
examples=$(cd "$here/../../examples" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# quiet COMMAND...: its output only if it fails
quiet() { "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }

"$here/../dist.sh" "$lib" "$work/dist"
"$here/../dist.sh" "$lib" "$work/again" > /dev/null
cmp "$work"/dist/*.tar.gz "$work"/again/*.tar.gz
mkdir "$work/prefix"
tar --extract --gzip --file "$work"/dist/facetbox-c-*.tar.gz --directory "$work/prefix" --strip-components=1

# `make install` installs the same files.
quiet "${MAKE:-make}" --no-print-directory -C "$here/.." install DESTDIR="$work/stage" PREFIX=/usr
files() { (cd "$1" && find . ! -type d ! -name 'LICENSE-*' | sort); }
files "$work/stage/usr" > "$work/installed"
files "$work/prefix" | diff "$work/installed" -

# Who passes the library on has what its licences ask for.
notices=$work/prefix/share/facetbox/THIRD-PARTY-NOTICES.txt
for name in Luau QuickJS SQLite "mlua 0" "rquickjs-sys 0" "Permission is hereby granted"; do
    grep -q "$name" "$notices" || { echo "$notices lacks $name" >&2; exit 1; }
done

PATH=$("$here/without_rust.sh" "$work/bin")
if command -v cargo rustc; then
    echo "Rust is still on PATH" >&2
    exit 1
fi
export PATH PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" LD_LIBRARY_PATH="$work/prefix/lib"

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
# shellcheck disable=SC2046 # words of pkg-config are words
${CC:-cc} $flags "$examples/c/platform.c" -o "$work/shared" $(pkg-config --cflags --libs facetbox)
run "$work/shared"
# shellcheck disable=SC2046
${CC:-cc} $flags "$examples/c/platform.c" -o "$work/static" $(pkg-config --cflags --libs facetbox-static)
LD_LIBRARY_PATH='' run "$work/static"

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
quiet cmake -S "$work/project" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix"
quiet cmake --build "$work/build"
run "$work/build/with_facetbox"
LD_LIBRARY_PATH='' run "$work/build/with_static"

# Another version than the one that is asked for isn't found.
sed -i 's/find_package(facetbox [0-9.]*/find_package(facetbox 99.0/' "$work/project/CMakeLists.txt"
if cmake -S "$work/project" -B "$work/other" -DCMAKE_PREFIX_PATH="$work/prefix" > /dev/null 2>&1; then
    echo "CMake took this version for 99.0" >&2
    exit 1
fi

mkdir "$work/module"
cp "$examples/go/platform.go" "$work/module"
cat > "$work/module/go.mod" <<END
module stranger

go 1.26

require facetbox v0.0.0

replace facetbox => $work/prefix/share/facetbox/go
END
(cd "$work/module" && GOPROXY=off GOWORK=off quiet go build -o "$work/with_go" .)
LD_LIBRARY_PATH='' run "$work/with_go"

for program in static build/with_static; do
    strip "$work/$program"
    "$here/size.sh" "$work/$program"
done

echo "install: pkg-config, CMake and Go find it, shared and static, without Rust"
