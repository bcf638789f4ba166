// A library without functions that executes -DTROUBLE=… as soon as it is opened.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

__attribute__((constructor)) static void trouble() { TROUBLE; }
