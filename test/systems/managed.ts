/** A project whose packages a manager installs from the registry of registry.ts, in a home of its own. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeSmallSet } from '../idx-files.ts'
import { match, same } from './expect.ts'
import { OLD_FILE, OLDER, type Registry, registry } from './registry.ts'
import type { Ended, Place, RunOptions } from './scenario.ts'

/** A package manager as a command: its program and first arguments. */
export type Command = readonly [program: string, ...args: string[]]

export class Project {
  readonly place: Place
  readonly folder: string
  readonly registry: Registry
  /** The package manager. */
  readonly command: Command
  #data: string | undefined
  #runs = 0

  private constructor(place: Place, command: Command, registry: Registry) {
    this.place = place
    this.folder = join(place.folder, 'project')
    this.registry = registry
    this.command = command
  }

  static async make(place: Place, command: Command): Promise<Project> {
    const project = new Project(place, command, await registry(place.tarball))
    mkdirSync(join(place.folder, 'home'))
    project.write('package.json', { name: 'users-project', version: '1.0.0', private: true })
    project.write('.npmrc', `registry=${project.registry.url}\n`)
    return project
  }

  /** Writes a file of the project: text as it is, all else as JSON. */
  write(file: string, content: string | object): void {
    const path = join(this.folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  /** Calls the manager; it must end well. */
  async manage(...args: string[]): Promise<Ended> {
    return this.ok([...this.command, ...args])
  }

  /** Runs a command in the project; it must end well. */
  async ok([program, ...args]: Command, options: RunOptions = {}): Promise<Ended> {
    return this.place.ok(program, args, this.#options(options))
  }

  /** Runs a command in the project to its end. */
  async run([program, ...args]: Command, options: RunOptions = {}): Promise<Ended> {
    return this.place.run(program, args, this.#options(options))
  }

  /** A home, with its caches, that no other project has; npm's settings are those of the environment. */
  #options(options: RunOptions): RunOptions {
    const { url } = this.registry
    const env = {
      HOME: join(this.place.folder, 'home'),
      npm_config_registry: url,
      npm_config_update_notifier: 'false',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      BUN_CONFIG_REGISTRY: url,
      ...options.env
    }
    return { cwd: this.folder, ...options, env }
  }

  /** Trains two steps, then a third from the checkpoint, by the program as `alexnode` calls it. */
  async trains(alexnode: Command, options: RunOptions = {}): Promise<void> {
    this.#data ??= await writeSmallSet(join(this.place.folder, 'data'))
    const out = ['--out', join(this.place.folder, `run-${++this.#runs}`), '--json']
    const train = ['train', '--data', this.#data, '--net', 'cifar', '--batch', '2', ...out]
    for (const [steps, ...more] of [['2'], ['3', '--resume']] as const) {
      const said = await this.ok([...alexnode, ...train, '--steps', steps, ...more], options)
      const last = JSON.parse(said.out.trim().split('\n').at(-1) ?? '')
      same('the last line of training', [last.final, last.steps], [true, Number(steps)])
    }
  }
}

/** Whether an installation, seen as what it said, ran or asked for something: no manager has reason to. */
export function quiet({ out, err }: Ended): void {
  match(
    'installing',
    `${out}${err}`,
    /ignored build|approve-builds|approve-scripts|allow-?scripts|node-gyp(?!-build)|must be built|trustedDependencies/i,
    false
  )
}

/** The version in `folder`, which must hold that version's files. */
export function holds(folder: string, version: string): void {
  same(`${folder} has ${OLD_FILE}`, existsSync(join(folder, OLD_FILE)), version === OLDER)
  same(`${folder} has its addon`, existsSync(join(folder, 'prebuilds')), true)
}

/** @throws where a file or folder below `folder` has `name` in its own name */
export function nothingOf(name: string, folder: string): void {
  if (!existsSync(folder)) return
  const left = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const named = left.filter((path) => path.split('/').at(-1)?.includes(name))
  same(`what is left in ${folder}`, named, [])
}
