/** Our declarations of NVIDIA's libraries against their own headers, each where it is there. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { abis, checkAbi } from './cuda-abi.ts'

const native = resolve(import.meta.dirname, '../native')

for (const [abi, header] of Object.entries(abis)) {
  t.test(header, async (t) => {
    const { status, reason = '' } = checkAbi(abi, import.meta.dirname, native)
    if (status === 'skipped') t.pass(abi, { skip: reason })
    else t.equal(status, 'passed', reason)
  })
}

/** Declarations of ours spoilt, and what then must be refused. */
const spoilt = [
  ['CUDA', 'driver.h', '(CUmodule module)', '(CUmodule module, int more)', 'cuModuleUnload'],
  ['CUDA', 'driver.h', 'kPoolReleaseThreshold = 4', 'kPoolReleaseThreshold = 5', 'THRESHOLD'],
  ['CUDNN', 'cudnn.h', 'unsigned size, double alpha', 'unsigned size, float alpha', 'SetLRN'],
  ['CUDNN', 'cudnn.h', 'int algorithm, status;', 'int status, algorithm;', 'algo'],
  ['CUBLASLT', 'cublaslt.h', 'uint64_t rows', 'uint32_t rows', 'LayoutCreate']
] as const

for (const [abi, file, from, to, word] of spoilt) {
  t.test(`${to} in ${file}`, async (t) => {
    const { status: before, reason: missing = '' } = checkAbi(abi, import.meta.dirname, native)
    if (before === 'skipped') {
      t.pass(abi, { skip: missing })
      return
    }
    const folder = t.testdir()
    cpSync(join(native, 'cuda/api'), join(folder, 'cuda/api'), { recursive: true })
    const path = join(folder, 'cuda/api', file)
    const text = readFileSync(path, 'utf8')
    t.ok(text.includes(from), `${file} has ${from}`)
    writeFileSync(path, text.replace(from, to))
    const { status, reason } = checkAbi(abi, import.meta.dirname, folder)
    t.equal(status, 'failed')
    t.match(reason, word)
  })
}
