#!/bin/sh
# Each header compiles alone and twice, facetbox.h in C99, C11 and C++17, those of C++ in C++17.
#
#   headers_alone.sh <include directory>
set -eu
include=$1
flags="-Wall -Wextra -Werror -pedantic -fsyntax-only -I$include"

twice() { printf '#include <%s>\n#include <%s>\n' "$1" "$1"; }

for standard in c99 c11; do
    twice facetbox.h | ${CC:-cc} -std=$standard $flags -x c -
done
for header in facetbox.h facetbox.hpp $(cd "$include" && ls facetbox/*.hpp); do
    twice $header | ${CXX:-c++} -std=c++17 $flags -x c++ -
done
echo "headers: compile alone and twice in C99, C11 and C++17"
