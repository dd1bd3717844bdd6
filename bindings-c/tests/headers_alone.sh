#!/bin/sh
# Each header compiles alone and twice, facetbox.h in C99, C11, C++17 and C++20, those of C++ in the latter two.
#
#   headers_alone.sh <include directory>
set -eu
include=$1
flags="-Wall -Wextra -Wshadow -Wconversion -Werror -pedantic -fsyntax-only -I$include"

twice() { printf '#include <%s>\n#include <%s>\n' "$1" "$1"; }

for standard in c99 c11; do
    twice facetbox.h | ${CC:-cc} -std=$standard $flags -x c -
done
for header in facetbox.h facetbox.hpp $(cd "$include" && ls facetbox/*.hpp); do
    for standard in c++17 c++20; do
        twice $header | ${CXX:-c++} -std=$standard $flags -Wold-style-cast -Wnon-virtual-dtor -x c++ -
    done
done
echo "headers: compile alone and twice in C99, C11, C++17 and C++20"
