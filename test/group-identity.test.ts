// Who a process is in a group, by the variables of each launcher.
import t from 'tap'
import { describeIdentity, type Identity, identityOf } from '../lib/group/identity.ts'
import { countAt, firstNode } from '../lib/group/launchers/node-list.ts'

type Env = Readonly<Record<string, string>>

function found(env: Env): Identity {
  const identity = identityOf(env)
  if (!identity) throw new Error('expected an identity, got none')
  return identity
}

const torch: Env = {
  RANK: '3',
  WORLD_SIZE: '4',
  LOCAL_RANK: '1',
  LOCAL_WORLD_SIZE: '2',
  MASTER_ADDR: 'node01',
  MASTER_PORT: '29400'
}

t.test('no launcher', async (t) => {
  t.equal(identityOf({}), undefined)
  t.equal(identityOf({ RANK: '', WORLD_SIZE: '', MASTER_ADDR: 'a', MASTER_PORT: '1' }), undefined)
})

t.test('alexnode launch', async (t) => {
  const env = {
    ...torch,
    ALEXNODE_RUN_ID: 'r1',
    ALEXNODE_GROUP_SECRET: 's',
    ALEXNODE_RESTARTS: '2',
    ALEXNODE_LISTEN: '0.0.0.0'
  }
  t.strictSame(found(env), {
    rank: 3,
    size: 4,
    localRank: 1,
    localSize: 2,
    host: 'node01',
    port: 29_400,
    agent: false,
    launcher: 'alexnode launch',
    runId: 'r1',
    secret: 's',
    restarts: 2,
    listen: '0.0.0.0'
  })
  const text = describeIdentity(found(env))
  t.equal(
    text,
    'rank 3 of 4, process 1 of 2 on this machine, started by alexnode launch, restart 2; ' +
      'rank 0 at node01:29400'
  )
})

t.test('torchrun, whose agent listens on MASTER_PORT', async (t) => {
  const env = {
    ...torch,
    TORCHELASTIC_RUN_ID: 'none',
    TORCHELASTIC_USE_AGENT_STORE: 'True',
    TORCHELASTIC_RESTART_COUNT: '1'
  }
  t.match(found(env), { agent: true, launcher: 'torchrun', runId: 'none-29400', restarts: 1 })
  t.match(found({ ...env, TORCHELASTIC_USE_AGENT_STORE: 'False' }), { agent: false })
})

t.test("Kubeflow's PyTorchJob names no local ranks", async (t) => {
  const env = { RANK: '1', WORLD_SIZE: '3', MASTER_ADDR: 'job-master-0', MASTER_PORT: '23456' }
  t.match(found(env), {
    ...{ rank: 1, size: 3, localRank: 0, localSize: 1 },
    ...{ host: 'job-master-0', launcher: 'environment', runId: 'port-23456' }
  })
  const here = found({ ...env, MASTER_ADDR: 'localhost' })
  t.match(here, { localRank: 1, localSize: 3 }, 'on one machine')
  t.equal(
    describeIdentity(here),
    'rank 1 of 3, process 1 of 3 on this machine, as RANK and WORLD_SIZE say; rank 0 at localhost:23456'
  )
})

const slurm: Env = {
  SLURM_PROCID: '5',
  SLURM_NTASKS: '7',
  SLURM_LOCALID: '2',
  SLURM_NODEID: '1',
  SLURM_TASKS_PER_NODE: '3(x2),1',
  SLURM_JOB_ID: '4321',
  SLURM_STEP_ID: '0',
  SLURM_STEP_NODELIST: 'gpu[07-09]',
  SLURM_JOB_NODELIST: 'gpu[01-09]'
}

t.test('Slurm', async (t) => {
  const identity = found(slurm)
  t.match(identity, {
    ...{ rank: 5, size: 7, localRank: 2, localSize: 3 },
    ...{ host: 'gpu07', launcher: 'Slurm', runId: 'slurm-4321.0', agent: false }
  })
  t.ok(identity.port >= 15_000 && identity.port < 30_000)
  t.equal(found({ ...slurm, SLURM_PROCID: '0', SLURM_LOCALID: '0' }).port, identity.port)
  t.not(found({ ...slurm, SLURM_STEP_ID: '1' }).port, identity.port, 'steps have their own')
  t.match(found({ ...slurm, MASTER_ADDR: 'other', MASTER_PORT: '999' }), {
    host: 'other',
    port: 999
  })
  const { SLURM_STEP_NODELIST, SLURM_JOB_NODELIST, ...nameless } = slurm
  t.match(found({ ...nameless, SLURM_LAUNCH_NODE_IPADDR: '10.0.0.1' }), { host: '10.0.0.1' })
  const one = { ...slurm, SLURM_NODEID: '0', SLURM_TASKS_PER_NODE: '7' }
  t.match(found(one), { host: '127.0.0.1', localSize: 7 }, 'one machine needs no address')
})

t.test('a batch script and a shell of Slurm are no ranks', async (t) => {
  const { SLURM_STEP_ID, ...batch } = slurm
  t.equal(identityOf(batch), undefined)
  t.equal(identityOf({ ...slurm, SLURM_STEP_ID: '4294967290' }), undefined, 'salloc')
})

const openMpi: Env = {
  OMPI_COMM_WORLD_RANK: '1',
  OMPI_COMM_WORLD_SIZE: '2',
  OMPI_COMM_WORLD_LOCAL_RANK: '1',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2',
  PMIX_NAMESPACE: '1333919745'
}

t.test('Open MPI', async (t) => {
  const identity = found(openMpi)
  t.match(identity, {
    ...{ rank: 1, size: 2, localRank: 1, localSize: 2 },
    ...{ host: '127.0.0.1', launcher: 'Open MPI', runId: '1333919745' }
  })
  t.not(found({ ...openMpi, PMIX_NAMESPACE: '7' }).port, identity.port)
  const wide = { ...openMpi, OMPI_COMM_WORLD_SIZE: '4' }
  t.throws(() => identityOf(wide), {
    message:
      '[group] MASTER_ADDR: expected the machine of rank 0, as the 4 ranks run on several, got none'
  })
  t.match(found({ ...wide, MASTER_ADDR: '10.0.0.5' }), { host: '10.0.0.5' })
})

t.test('PMI', async (t) => {
  const env = { PMI_RANK: '0', PMI_SIZE: '2', MPI_LOCALRANKID: '0', MPI_LOCALNRANKS: '2' }
  t.match(found(env), {
    ...{ rank: 0, size: 2, localRank: 0, localSize: 2 },
    ...{ host: '127.0.0.1', port: 29_500, launcher: 'PMI', runId: 'port-29500' }
  })
  const inSlurm = { ...env, PMI_SIZE: '4', PMI_RANK: '3', ...slurm, SLURM_PROCID: '1' }
  t.match(found(inSlurm), { rank: 3, size: 4, host: 'gpu07', launcher: 'PMI' })
})

t.test('the nearest launcher counts', async (t) => {
  t.match(found({ ...slurm, ...openMpi, ...torch }), { rank: 3, launcher: 'environment' })
  t.match(found({ ...slurm, ...openMpi }), { rank: 1, launcher: 'Open MPI' })
})

t.test('one process', async (t) => {
  t.match(found({ RANK: '0', WORLD_SIZE: '1' }), { rank: 0, size: 1, host: '127.0.0.1' })
  t.equal(
    describeIdentity(found({ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' })),
    'rank 0 of 1, process 0 of 1 on this machine, started by Open MPI'
  )
})

t.test('what is damaged is named', async (t) => {
  const rows: readonly (readonly [Env, string])[] = [
    [{ RANK: '0' }, 'WORLD_SIZE: expected a whole number from 1 to 65536, beside RANK, got none'],
    [
      { WORLD_SIZE: '2' },
      'RANK: expected a whole number from 0 to 1, as WORLD_SIZE is 2, got none'
    ],
    [
      { ...torch, RANK: '4' },
      "RANK: expected a whole number from 0 to 3, as WORLD_SIZE is 4, got '4'"
    ],
    [{ RANK: '1', WORLD_SIZE: '1' }, "RANK: expected 0, as WORLD_SIZE is 1, got '1'"],
    [
      { ...torch, RANK: 'x' },
      "RANK: expected a whole number from 0 to 3, as WORLD_SIZE is 4, got 'x'"
    ],
    [
      { ...torch, RANK: '-1' },
      "RANK: expected a whole number from 0 to 3, as WORLD_SIZE is 4, got '-1'"
    ],
    [
      { ...torch, RANK: '1e0' },
      "RANK: expected a whole number from 0 to 3, as WORLD_SIZE is 4, got '1e0'"
    ],
    [
      { ...torch, WORLD_SIZE: '0' },
      "WORLD_SIZE: expected a whole number from 1 to 65536, beside RANK, got '0'"
    ],
    [
      { ...torch, LOCAL_RANK: '2' },
      "LOCAL_RANK: expected a number below LOCAL_WORLD_SIZE, which is 2, got '2'"
    ],
    [
      { ...torch, LOCAL_WORLD_SIZE: '5' },
      "LOCAL_WORLD_SIZE: expected a whole number from 1 to 4, got '5'"
    ],
    [
      { ...torch, MASTER_PORT: '0' },
      "MASTER_PORT: expected a whole number from 1 to 65535, got '0'"
    ],
    [{ ...torch, MASTER_PORT: '' }, "MASTER_PORT: expected the port of rank 0, got ''"],
    [
      { ...torch, MASTER_ADDR: '\u001b[2J a' },
      "MASTER_ADDR: expected a name or an address of the machine of rank 0, got '\ufffd[2J a'"
    ],
    [
      { RANK: '0', WORLD_SIZE: '2', MASTER_PORT: '1' },
      'MASTER_ADDR: expected the machine of rank 0, as the 2 ranks run on several, got none'
    ],
    [
      { ...slurm, SLURM_TASKS_PER_NODE: '3(x' },
      "SLURM_TASKS_PER_NODE: expected tasks of 2 nodes or more, such as 2(x3),1, got '3(x'"
    ],
    [
      { ...slurm, SLURM_STEP_NODELIST: 'a]b[' },
      "SLURM_STEP_NODELIST: expected names of machines, such as node[03-05,7], got 'a]b['"
    ],
    [
      { ...torch, ALEXNODE_RESTARTS: 'no' },
      "ALEXNODE_RESTARTS: expected a whole number from 0 to 1000000000, got 'no'"
    ]
  ]
  for (const [env, message] of rows) {
    t.throws(() => identityOf(env), { name: 'GroupError', message: `[group] ${message}` }, message)
  }
})

t.test("Slurm's lists", async (t) => {
  const first = {
    node03: 'node03',
    'node[03-05,7]': 'node03',
    'node[7,03-05],login': 'node7',
    'login,node[1-2]': 'login',
    'r[1-2]n[01-16]': 'r1n01',
    'a.b-c_d': 'a.b-c_d',
    'node[1': undefined,
    'node[]': undefined,
    'node[[1]]': undefined,
    'node[x]': undefined,
    '': undefined,
    ',a': undefined
  }
  for (const [list, name] of Object.entries(first)) t.equal(firstNode(list), name, list)
  t.strictSame(
    [0, 1, 2, 3, 4].map((index) => countAt('2(x3),1', index)),
    [2, 2, 2, 1, undefined]
  )
  for (const list of ['', 'x', '2(3)', '2(x3', '-1', '2,,']) t.equal(countAt(list, 9), undefined)
})

t.test('wrong calls', async (t) => {
  t.throws(() => Reflect.apply(identityOf, undefined, ['RANK']), /env: expected an object/)
  t.throws(() => Reflect.apply(describeIdentity, undefined, [{}]), /identity.rank: expected/)
  const identity = found(torch)
  t.throws(() => describeIdentity({ ...identity, rank: 4 }), /a number below size, which is 4/)
  t.throws(() => describeIdentity({ ...identity, localRank: 2 }), /a number below localSize/)
})
