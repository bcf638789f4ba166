/**
 * The double of CUDA for a whole test file. Libraries are opened once a process, so this is called before the
 * first device is opened; other settings take a process of their own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { fakeCudaFolder, hasCompiler } from './fake-cuda/build.ts'
import { Control } from './fake-cuda/control.ts'

const canFake = process.platform === 'linux' && hasCompiler
/** For tests that need it. */
export const needsDouble = {
  skip: canFake ? false : 'the doubles need Linux and a compiler (c++)'
}

/**
 * Puts the double in reach of this process and of those that it starts.
 * @param settings such as 'devices=2,memory=512M': see test/fake-cuda/driver.cc
 */
export async function useDouble(t: Pick<Test, 'teardown'>, settings = ''): Promise<Control> {
  const folder = mkdtempSync(join(tmpdir(), 'alexnode-double-'))
  const control = new Control(join(folder, 'control'))
  t.teardown(() => {
    control.close()
    rmSync(folder, { recursive: true })
  })
  if (canFake) process.env.ALEXNODE_CUDA_PATH = await fakeCudaFolder()
  process.env.ALEXNODE_FAKE_CUDA = settings
  process.env.ALEXNODE_FAKE_CUDA_CONTROL = control.path
  process.env.ALEXNODE_CACHE = join(folder, 'cache')
  return control
}
