/** Reads the command line of `alexnode launch`. */
import { command, parse } from '../shared/command.ts'
import { numberParsers } from '../shared/numbers.ts'
import { UsageError } from '../shared/program.ts'

/** Most processes of a machine, and most machines. */
const MOST = 4096

/** Where the ranks of several machines meet. */
export interface Rendezvous {
  readonly host: string
  readonly port: number
}

export interface LaunchArguments {
  /** Processes to start on this machine. */
  readonly nproc: number
  /** Number of machines. */
  readonly nnodes: number
  /** The number of this machine. */
  readonly nodeRank: number
  /** Undefined for one machine: a free port of its loopback address. */
  readonly rendezvous: Rendezvous | undefined
  readonly maxRestarts: number
  /** Seconds that processes have to end, after a signal or when another failed. */
  readonly timeout: number
  /** What follows `--`. */
  readonly command: readonly [string, ...string[]]
}

interface Given {
  readonly nproc?: number
  readonly nnodes?: number
  readonly nodeRank?: number
  readonly rendezvous?: string
  readonly maxRestarts?: number
  readonly timeout?: number
}

/**
 * Reads the arguments of a launch. `--help` prints the help and ends the process.
 * @throws UsageError
 */
export async function launchArguments(args: readonly string[]): Promise<LaunchArguments> {
  const { whole, positive } = await numberParsers()
  const launch = await command(
    'launch',
    'Starts a command as several processes that train together, and tells each who it is by RANK, WORLD_SIZE and ' +
      'others. Puts the rank before each line that they write. When one fails, all are stopped. For several machines, ' +
      'run it on each, with the same ALEXNODE_GROUP_SECRET in the environment.'
  )
  launch
    .usage('[options] -- <command> [arguments]')
    .option('--nproc <n>', 'processes on this machine (1)', whole(1, MOST))
    .option('--nnodes <n>', 'machines (1)', whole(1, MOST))
    .option('--node-rank <n>', 'number of this machine, from 0', whole(0, MOST - 1))
    .option('--rendezvous <host:port>', 'address of machine 0, where rank 0 listens')
    .option('--max-restarts <n>', 'times to start again after a failure (0)', whole(0))
    .option('--timeout <seconds>', 'time to end, after a signal or a failure (60)', positive)
    .addHelpText(
      'after',
      '\nThe command is one of alexnode, or any program:\n' +
        '  alexnode launch --nproc 2 -- train --net alexnet\n' +
        '  alexnode launch --nproc 2 -- node my-program.js'
    )
  const end = args.indexOf('--')
  const given = await parse<Given>(launch, end < 0 ? args : args.slice(0, end))
  const [name, ...rest] = end < 0 ? [] : args.slice(end + 1)
  if (name === undefined || name === '') {
    throw wrong('a command after --, such as -- train --net alexnet, got none')
  }
  if (name === 'launch') throw wrong('a command to start, got launch itself')
  const { nproc = 1, nnodes = 1, nodeRank, maxRestarts = 0, timeout = 60 } = given
  if (nnodes > 1 && (nodeRank === undefined || given.rendezvous === undefined)) {
    throw wrong(`--node-rank and --rendezvous beside --nnodes ${nnodes}`)
  }
  if (nodeRank !== undefined && nodeRank >= nnodes) {
    throw wrong(`a --node-rank below --nnodes, which is ${nnodes}, got ${nodeRank}`)
  }
  const rendezvous = given.rendezvous === undefined ? undefined : addressOf(given.rendezvous)
  const command_: LaunchArguments['command'] = [name, ...rest]
  return {
    nproc,
    nnodes,
    nodeRank: nodeRank ?? 0,
    rendezvous,
    maxRestarts,
    timeout,
    command: command_
  }
}

function wrong(expected: string): UsageError {
  return new UsageError(`alexnode launch: expected ${expected}.\nTry --help.`)
}

/** `node01:29400`, `10.0.0.1:29400` or `[::1]:29400`. */
function addressOf(text: string): Rendezvous {
  const [, v6, name, digits] = /^(?:\[([\da-f:.%\w]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port }
  throw wrong(`--rendezvous as host:port, such as node01:29400, got '${text}'`)
}
