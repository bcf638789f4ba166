/** Whether a GPU of this name is the tests' double of one (test/fake-cuda/driver.cc), whose figures tell nothing. */
export function isDouble(gpu: string): boolean {
  return gpu.startsWith('Fake')
}
