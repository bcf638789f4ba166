import t from 'tap'
import { runProgram } from './programs.ts'

t.test('low-level', async (t) => {
  const { code, out, err } = await runProgram('examples/low-level.ts', [])
  t.equal(code, 0, err)
  t.match(out, /the same: true\nconv2d \(.+\): [\d.]+ ms\nconv2d_backward_weights /)
})

t.test('custom-net', async (t) => {
  const { code, out, err } = await runProgram('examples/custom-net.ts', ['0.02'])
  t.equal(code, 0, err)
  t.match(out, /top1: 0\.\d+/)
})
