/** `alexnode selftest`: whether a device computes what it should. */
import { chooseDevice } from '../doctor/cuda-probe.ts'
import { type SelftestResult, selftest } from '../selftest/selftest.ts'
import { command, parse } from './command.ts'
import { addDeviceOptions, checkDevices, type DeviceArguments } from './device.ts'
import { COLUMNS, count, wrap } from './format.ts'
import { program } from './program.ts'

interface Given extends Omit<DeviceArguments, 'device'> {
  readonly device?: readonly string[]
  readonly op?: string
  readonly grad?: boolean
  readonly nets: boolean
  readonly cudnn?: boolean
  readonly json?: boolean
}

async function readArguments(): Promise<Given> {
  const selftest = await command(
    'selftest',
    'Tries every op in many shapes and dtypes against a plain reference and finite differences, ' +
      'recorded against eager, and ten steps of each net. Takes a few minutes. Ends with 1 where ' +
      'something is wrong.'
  )
  selftest
    .usage('[options]')
    .option('--op <name>', 'only this op')
    .option('--no-nets', 'only ops')
    .option('--grad', 'only what finite differences are taken of')
    .option('--cudnn', "on a GPU, cuDNN's pooling and LRN in place of ours")
    .option('--json', 'print one JSON object a line')
  return parse<Given>(await addDeviceOptions(selftest, true), process.argv.slice(2))
}

const marks = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' } as const

/** One line: what became of it, what it was, its error and what that may be. */
function line({ status, device, kind, name, worst }: SelftestResult, several: boolean): string {
  const measure = worst ? `${tell(worst.error)} of ${tell(worst.bound)}` : status
  const whole = several || kind === 'devices' ? `${device}: ${name}` : name
  const room = COLUMNS - marks.passed.length - measure.length - 4
  const short = whole.length > room ? `${whole.slice(0, room - 1)}…` : whole.padEnd(room)
  return `${marks[status]}  ${short}  ${measure}`
}

function tell(value: number): string {
  return value === 0 ? '0' : value.toExponential(1)
}

function printJson({ worst, ...rest }: SelftestResult): void {
  const { error, bound } = worst ?? {}
  process.stdout.write(`${JSON.stringify({ ...rest, error, bound })}\n`)
}

function printText(result: SelftestResult, several: boolean): void {
  process.stdout.write(`${line(result, several)}\n`)
  if (result.status !== 'failed') return
  const details = [result.name, ...result.reasons].flatMap((text) => wrap(text, COLUMNS - 6))
  process.stdout.write(details.map((text) => `      ${text}\n`).join(''))
}

/** Why rows were skipped, with how many. */
function skips(results: readonly SelftestResult[]): string[] {
  const counts = new Map<string, number>()
  for (const { status, reasons } of results) {
    if (status !== 'skipped') continue
    // Without what tells one row from the next.
    const reason = reasons.join('; ').replace(/^\[\w+\] /, '')
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  return [...counts].map(([reason, times]) => `skipped ${count(times)}: ${reason}`)
}

/** The CPU, and a GPU where one is ready. */
async function usualDevices(): Promise<string[]> {
  const { name } = await chooseDevice()
  return name === 'cpu' ? ['cpu'] : ['cpu', name]
}

await program(async (signal) => {
  const given = await readArguments()
  const {
    op,
    nets,
    grad = false,
    threads,
    tf32 = false,
    deterministic = false,
    cudnn = false,
    json = false
  } = given
  const devices = given.device ?? (await usualDevices())
  checkDevices({ tf32, cudnn }, devices)
  const results: SelftestResult[] = []
  const several = devices.length > 1
  const options = {
    ...{ devices, nets, grad, tf32, deterministic, cudnn },
    ...(op !== undefined && { op }),
    ...(threads !== undefined && { threads })
  }
  for await (const result of selftest(options)) {
    results.push(result)
    if (json) printJson(result)
    else printText(result, several)
    signal.throwIfAborted()
    // Rows are short and never wait: what was printed, and Ctrl-C, get their turn.
    await new Promise(setImmediate)
  }
  const number = (wanted: SelftestResult['status']) =>
    results.filter(({ status }) => status === wanted).length
  const [passed, failed, skipped] = [number('passed'), number('failed'), number('skipped')]
  if (json) process.stdout.write(`${JSON.stringify({ final: true, passed, failed, skipped })}\n`)
  else {
    const alone = several ? [] : ['skipped: device against device, since only one is tried']
    const lines = [...skips(results), ...alone].flatMap((text) => wrap(text))
    const sum = `${count(passed)} passed, ${count(failed)} failed, ${count(skipped)} skipped`
    process.stdout.write(`\n${[...lines, sum].join('\n')}\n`)
  }
  if (failed > 0) process.exitCode = 1
  if (results.length === 0) throw new Error(nothing(op, grad))
})

function nothing(op: string | undefined, grad: boolean): string {
  const what = op !== undefined ? `of ${op} ` : ''
  return `[selftest] expected rows ${what}to try${grad ? ' by finite differences' : ''}, got none`
}
