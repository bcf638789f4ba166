// Doubles of what CUDA's toolkit brings: one library may bear all their names. -DCUDA=13000.
extern "C" {
int nvrtcVersion(int* major, int* minor) {
  *major = CUDA / 1000;
  *minor = CUDA % 1000 / 10;
  return 0;
}
int cublasGetProperty(int which, int* value) {
  *value = which == 0 ? CUDA / 1000 : which;
  return 0;
}
int cublasLtGetProperty(int which, int* value) { return cublasGetProperty(which, value); }
}
