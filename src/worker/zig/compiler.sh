#!/bin/sh
# The compilers, archivers and linkers of a build for another system: each is a name of this script.
tool=${0##*/}
zig=$WHEELWRIGHT_ZIG/zig
if [ ! -x "$zig" ]; then
  echo "wheelwright: the source calls $tool, so zig is needed" >&2
  : >"$WHEELWRIGHT_WORK/compiler-wanted"
  exit 1
fi
case $tool in
*ar | *ranlib) exec "$zig" "${tool##*-}" "$@" ;;
*strip) exit 0 ;; # nothing here has symbols to strip
*++) language=c++ ;;
*) language=cc ;;
esac

# Without what GNU's linker knows and zig's does not.
linker_options() {
  (
    IFS=,
    set -f
    kept= skip=
    for part in ${1#-Wl,}; do
      if [ "$skip" ]; then
        skip=
        continue
      fi
      case $part in
      --exclude-libs | -Map | -plugin) skip=1 ;;
      --exclude-libs=* | -Map=* | -plugin* | --icf=* | --warn-* | --no-warn-* | -Bsymbolic* | -fuse-ld=* | --relax | --*copy-dt-needed*) ;;
      *) kept="$kept,$part" ;;
      esac
    done
    echo "${kept:+-Wl$kept}"
  )
}

target={target}
shared= compiles= preprocesses= c= cxx=
[ "$*" != -v ] || target={plain}
for word; do
  shift
  case $word in
  -mtune=* | -fipa-* | -flto-partition=* | -fprofile-* | -fuse-linker-plugin | -specs=*) continue ;;
  -shared) shared=1 ;;
  # Pythons with a library of their own name it; the target's may have none, and this one is not for it.
  -lpython[23]*) [ ! "$shared" ] || continue ;;
  -c | -S | -M | -MM) compiles=1 ;;
  -E) compiles=1 preprocesses=1 ;;
  # zig hands these to clang, which does not know how a target names its glibc.
  -) [ ! "$preprocesses" ] || target={plain} ;;
  -dumpmachine | -print-*) target={plain} ;;
  *.c) c=1 ;;
  *.cc | *.cpp | *.cxx | *.c++ | *.C) cxx=1 ;;
  -Wl,*)
    word=$(linker_options "$word")
    [ "$word" ] || continue
    ;;
  esac
  set -- "$@" "$word"
done
# gcc tells C++ by the names of files; zig has its library of C++ ready only under the other name.
[ ! "$cxx" ] || [ "$c" ] || language=c++
# What a remedy says comes last. clang takes no standard of C++ for C.
said=
for flag in $WHEELWRIGHT_COMPILER_FLAGS; do
  case $flag in
  -std=*++*) [ "$language" = c++ ] || continue ;;
  esac
  said="$said $flag"
done
# Under the name that systems with musl give their libc, which is not the one that zig gives it.
musl=$ZIG_GLOBAL_CACHE_DIR/{musl}
if [ "$shared" ] && [ ! "$compiles" ] && [ -f "$musl" ]; then
  set -- "$@" -Wl,--no-as-needed "$musl"
fi
# zig takes a build without -O for one that wants checks in its code.
exec "$zig" "$language" -target "$target" -O2 -fno-sanitize=undefined -Wno-unused-command-line-argument \
  "$@" -g0 $said -Wl,-s {after} -idirafter "${0%/*}/../cross/include"
