# Has zig compile its own libraries for one system, so that builds find them in its cache.
set -e
cd "$(mktemp -d)"
echo 'int main(void) { return 0; }' >empty.c
if [ "{musl}" ]; then
  "$WHEELWRIGHT_ZIG/zig" cc -target {target} -shared -nostdlib -Wl,-soname,{musl} empty.c -o "$ZIG_GLOBAL_CACHE_DIR/{musl}"
fi
cc -fPIC empty.c -c -o empty.o
cc -shared empty.o -o empty.so
cc empty.c -o empty
if [ "$1" = c++ ]; then
  echo '#include <string>
#include <iostream>
int main(int count, char **words) { std::string text(words[0]); std::cout << text; return count; }' >full.cc
  c++ -fPIC full.cc -c -o full.o
  c++ -shared full.o -o full.so
  c++ full.cc -o full
fi
