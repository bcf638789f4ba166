// One source, several instruction sets. The addon is compiled for the baseline of its architecture; a
// function marked ALEXNODE_CLONES is compiled for AVX-512 and AVX2 as well, and the loader picks one. Mark
// leaf functions with the hot loop inside: the body of an OpenMP region is another function, which the clones
// do not reach. What a leaf calls must be ALEXNODE_INLINE, so that it becomes part of every clone.
// ALEXNODE_CLONES_TO_AVX2 is for loops that AVX-512 hardly speeds up: a clone takes time to compile.
#pragma once
#include <cstdlib>  // defines __GLIBC__

#define ALEXNODE_INLINE inline __attribute__((always_inline))
#define ALEXNODE_INLINED __attribute__((always_inline))  // of a lambda, after its parameters

// The loader picks through indirect functions, which musl lacks and which run before a sanitizer is
// initialised.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ALEXNODE_CLONES \
  __attribute__((noinline, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define ALEXNODE_CLONES_TO_AVX2 __attribute__((noinline, target_clones("arch=x86-64-v3", "default")))
#define ALEXNODE_VERSIONS 1
#else
#define ALEXNODE_CLONES __attribute__((noinline))
#define ALEXNODE_CLONES_TO_AVX2 __attribute__((noinline))
#endif

namespace alexnode::cpu {

/// Row::run<wide>(a…) as a function for this machine, where `wide` says that vectors of 32 bytes are native.
/// For code that the baseline can only do element by element: with clones, that would be much code.
template <class Row, class... A>
struct Versions {
#ifdef ALEXNODE_VERSIONS
  __attribute__((target("arch=x86-64-v4"))) static void v4(A... a) { Row::template run<true>(a...); }
  __attribute__((target("arch=x86-64-v3"))) static void v3(A... a) { Row::template run<true>(a...); }
#endif
#if defined(__x86_64__) && !defined(__AVX2__)
  static void baseline(A... a) { Row::template run<false>(a...); }
#else
  static void baseline(A... a) { Row::template run<true>(a...); }
#endif
  static auto* choose() {
#ifdef ALEXNODE_VERSIONS
    if (__builtin_cpu_supports("x86-64-v4")) return v4;
    if (__builtin_cpu_supports("x86-64-v3")) return v3;
#endif
    return baseline;
  }
};

}  // namespace alexnode::cpu
