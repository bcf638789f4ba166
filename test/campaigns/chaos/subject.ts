/** The training that the campaign disturbs: a second long, with all that a run writes. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeSmallSet } from '../../idx-files.ts'
import { clearError, type Ended, run, type Started, start, told } from './launch.ts'

const STEPS = 6

export class Subject {
  readonly #data: string
  readonly #whole: string
  /** Milliseconds that it takes undisturbed. */
  readonly length: number

  private constructor(data: string, whole: string, length: number) {
    this.#data = data
    this.#whole = whole
    this.length = length
  }

  /** Makes the images, and trains once undisturbed. */
  static async make(folder: string): Promise<Subject> {
    const data = join(folder, 'data')
    await writeSmallSet(data)
    const whole = join(folder, 'whole')
    const begun = performance.now()
    const ended = await run(argsOf(data, whole))
    if (ended.code !== 0) throw new Error(told(ended))
    return new Subject(data, whole, performance.now() - begun)
  }

  args(out: string): readonly string[] {
    return argsOf(this.#data, out)
  }

  start(out: string, env: NodeJS.ProcessEnv = {}): Started {
    return start(this.args(out), env)
  }

  run(out: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return run(this.args(out), env)
  }

  /** Resumes until the end and compares: weights and log must be those of the undisturbed run, bit for bit. */
  async finish(out: string): Promise<void> {
    const ended = await this.run(out)
    if (ended.code !== 0) throw new Error(`expected the run to be resumed, got ${told(ended)}`)
    this.compare(out)
  }

  /** @throws Error unless the files are those of the undisturbed run */
  compare(out: string): void {
    for (const file of [
      'weights.safetensors',
      `checkpoint-0000000${STEPS}/optimizer.safetensors`
    ]) {
      const [now, whole] = [out, this.#whole].map((folder) => readFileSync(join(folder, file)))
      if (!now?.equals(whole ?? Buffer.alloc(0))) throw new Error(`${file} differs in ${out}`)
    }
    const [now, whole] = [out, this.#whole].map(logOf)
    if (now !== whole) throw new Error(`log.jsonl differs in ${out}: ${now}, not ${whole}`)
  }

  /** What a disturbed process may do: end well, or with an error in words; the run is whole after a resume. */
  async endsWell(out: string, ended: Ended): Promise<'equal' | 'error'> {
    if (ended.code !== 0) clearError(ended)
    await this.finish(out)
    return ended.code === 0 ? 'equal' : 'error'
  }
}

function argsOf(data: string, out: string): string[] {
  const net = ['--net', 'cifar', '--batch', '4', '--lr', '0.001', '--threads', '1']
  const length = ['--steps', `${STEPS}`, '--checkpoint-every', '3', '--validate-every', '5']
  const where = ['--device', 'cpu', '--dtype', 'f32', '--out', out]
  // A run that was disturbed before it began has left nothing to resume.
  const begun = ['options.json', 'log.jsonl'].some((name) => existsSync(join(out, name)))
  return ['train', '--data', data, ...net, ...length, ...where, ...(begun ? ['--resume'] : [])]
}

/** The log without what differs from run to run: the pace, and for how long other ranks were waited for. */
export function logOf(folder: string): string {
  const log = readFileSync(join(folder, 'log.jsonl'), 'utf8')
  return log.replaceAll(/"(images_per_s|waiting)":[^,}]*,?/g, '')
}
