// How many threads a process takes where several share a machine.
import t from 'tap'
import { usualThreads } from '../lib/group/threads.ts'

const torch = { RANK: '0', WORLD_SIZE: '4', MASTER_ADDR: 'a', MASTER_PORT: '1' }
const two = { ...torch, LOCAL_RANK: '0', LOCAL_WORLD_SIZE: '2' }
const mpi = {
  OMPI_COMM_WORLD_RANK: '0',
  OMPI_COMM_WORLD_SIZE: '2',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2'
}

t.test('shares of the processors', async (t) => {
  const of = (env: NodeJS.ProcessEnv, own: number, all = own) => usualThreads(env, { own, all })
  t.equal(of({}, 8), 8, 'no launcher')
  t.equal(of({ ALEXNODE_THREADS: '3' }, 8), 3, 'as given')
  t.equal(of({ ...two, ALEXNODE_THREADS: '3' }, 8), 3)
  t.equal(of(two, 8), 4)
  t.equal(of(two, 7), 3)
  t.equal(of(two, 1), 1, 'at least one')
  t.equal(of(two, 8, 64), 4, 'a container')
  t.equal(of(mpi, 8), 4, 'not bound')
  t.equal(of(mpi, 4, 8), 4, 'bound to its own')
  t.equal(of({}, 4000), 1024, 'no more than a device takes')
})

t.test('a damaged variable', async (t) => {
  for (const value of ['0', 'x', '1025', '-1']) {
    t.throws(() => usualThreads({ ALEXNODE_THREADS: value }), {
      message: `[threads] ALEXNODE_THREADS: expected a whole number from 1 to 1024, got "${value}"`
    })
  }
})
