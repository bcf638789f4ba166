/** Ranks with a GPU each, on the doubles: each has its own, which a control reads. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Control } from './fake-cuda/control.ts'
import type { Ended, Running } from './programs.ts'
import { startRanks } from './ranks.ts'

export interface Started {
  readonly all: readonly Running[]
  readonly controls: readonly Control[]
  readonly ended: Promise<readonly Ended[]>
}

export interface Given {
  readonly file?: string
  /** The settings of a rank's double. */
  readonly settings?: (rank: number) => string
  readonly env?: (rank: number) => NodeJS.ProcessEnv
}

/** Starts ranks, each with a double of its own that a control reads. */
export async function start(
  t: Test,
  count: number,
  args: readonly string[],
  { file = 'test/group-ranks.ts', settings = () => 'devices=3', env = () => ({}) }: Given = {}
): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'alexnode-gpus-'))
  const controls = Array.from(
    { length: count },
    (_, rank) => new Control(join(folder, `control-${rank}`))
  )
  const all = await startRanks(count, file, args, (rank) => ({
    ALEXNODE_FAKE_CUDA: settings(rank),
    ALEXNODE_FAKE_CUDA_CONTROL: controls[rank]?.path,
    ...env(rank)
  }))
  t.teardown(() => {
    for (const { process } of all) process.kill('SIGKILL')
    for (const control of controls) control.close()
    rmSync(folder, { recursive: true })
  })
  return { all, controls, ended: Promise.all(all.map(({ ended }) => ended)) }
}

/** All that a rank wrote, in one line. */
export const text = ({ out, err }: Ended) => `${out} ${err}`.replace(/\s+/g, ' ')
