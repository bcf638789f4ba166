// One source, several instruction sets. The addon is compiled for the baseline of its architecture; a
// function marked ALEXNODE_CLONES is compiled for AVX-512 and AVX2 as well, and the loader picks one. Mark
// leaf functions with the hot loop inside: the body of an OpenMP region is another function, which the clones
// do not reach. What a leaf calls must be ALEXNODE_INLINE, so that it becomes part of every clone.
#pragma once
#include <cstdlib>  // tells glibc

#define ALEXNODE_INLINE inline __attribute__((always_inline))

// The loader picks by way of indirect functions, which glibc has and musl has not, and which run before a
// sanitizer is set up.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ALEXNODE_CLONES \
  __attribute__((noinline, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ALEXNODE_CLONES __attribute__((noinline))
#endif
