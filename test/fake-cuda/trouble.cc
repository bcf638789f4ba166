// A library that has no functions, and does -DTROUBLE=… as soon as it is opened.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

__attribute__((constructor)) static void trouble() { TROUBLE; }
