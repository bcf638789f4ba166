/** `alexnode selftest`: tests whether devices compute correct results. */
import { chooseDevice } from '../doctor/cuda-probe.ts'
import { type SelftestResult, selftest } from '../selftest/selftest.ts'
import { command, parse } from './shared/command.ts'
import { checkDevices } from './shared/device.ts'
import { addComparedDevices, type DeviceArguments } from './shared/device-options.ts'
import { count } from './shared/format.ts'
import { print, printJson } from './shared/output.ts'
import { program } from './shared/program.ts'
import { COLUMNS, wrap } from './shared/text.ts'

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
    'Tests every op in many shapes and dtypes against a plain reference and finite differences, recorded ' +
      'against eager runs, and ten steps of each net. Takes a few minutes. The exit code is 1 if a test ' +
      'fails.'
  )
  selftest
    .usage('[options]')
    .option('--op <name>', 'test only this op')
    .option('--no-nets', 'test no nets')
    .option('--grad', 'test only gradients, by finite differences')
    .option('--cudnn', "use cuDNN's pooling and LRN instead of our kernels (GPU only)")
    .option('--json', 'print one JSON object a line')
  return parse<Given>(await addComparedDevices(selftest))
}

const marks = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' } as const

/** One line: status, name, error and tolerance. */
function lineOf({ status, device, kind, name, worst }: SelftestResult, several: boolean): string {
  const measure = worst ? `${scientific(worst.error)} of ${scientific(worst.bound)}` : status
  const whole = several || kind === 'devices' ? `${device}: ${name}` : name
  const room = COLUMNS - marks.passed.length - measure.length - 4
  const short = whole.length > room ? `${whole.slice(0, room - 1)}…` : whole.padEnd(room)
  return `${marks[status]}  ${short}  ${measure}`
}

function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(1)
}

function jsonOf({ worst, ...rest }: SelftestResult): object {
  return { ...rest, error: worst?.error, bound: worst?.bound }
}

/** A line, and the details of a failure below it. */
function textOf(result: SelftestResult, several: boolean): string {
  const line = lineOf(result, several)
  if (result.status !== 'failed') return line
  const details = [result.name, ...result.reasons].flatMap((text) => wrap(text, COLUMNS - 6))
  return [line, ...details.map((text) => `      ${text}`)].join('\n')
}

/** The reasons why rows were skipped, with the number of rows. */
function skipLines(results: readonly SelftestResult[]): string[] {
  const counts = new Map<string, number>()
  for (const { status, reasons } of results) {
    if (status !== 'skipped') continue
    // The op's name differs from row to row.
    const reason = reasons.join('; ').replace(/^\[\w+\] /, '')
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  return [...counts].map(([reason, times]) => `skipped ${count(times)}: ${reason}`)
}

/** The CPU, and a GPU if one is ready. */
async function defaultDevices(): Promise<string[]> {
  const { name } = await chooseDevice()
  return name === 'cpu' ? ['cpu'] : ['cpu', name]
}

function summaryText(results: readonly SelftestResult[], several: boolean): string {
  const { passed, failed, skipped } = countsOf(results)
  const alone = several ? [] : ['skipped: device against device, since only one is tested']
  const lines = [...skipLines(results), ...alone].flatMap((text) => wrap(text))
  const sum = `${count(passed)} passed, ${count(failed)} failed, ${count(skipped)} skipped`
  return ['', ...lines, sum].join('\n')
}

function countsOf(results: readonly SelftestResult[]) {
  const number = (wanted: SelftestResult['status']) =>
    results.filter(({ status }) => status === wanted).length
  return { passed: number('passed'), failed: number('failed'), skipped: number('skipped') }
}

await program(async (signal) => {
  const { op, nets, threads, ...given } = await readArguments()
  const { grad = false, tf32 = false, deterministic = false, cudnn = false, json = false } = given
  const devices = given.device ?? (await defaultDevices())
  checkDevices({ tf32, cudnn }, devices)
  const several = devices.length > 1
  const results: SelftestResult[] = []
  const options = {
    devices,
    nets,
    grad,
    tf32,
    deterministic,
    cudnn,
    ...(op !== undefined && { op }),
    ...(threads !== undefined && { threads })
  }
  for await (const result of selftest(options)) {
    results.push(result)
    if (json) printJson(jsonOf(result))
    else print(textOf(result, several))
    signal.throwIfAborted()
    // Rows never wait, so output and Ctrl-C need a turn of the event loop.
    await new Promise(setImmediate)
  }
  const counts = countsOf(results)
  if (json) printJson({ final: true, ...counts })
  else print(summaryText(results, several))
  if (counts.failed > 0) process.exitCode = 1
  if (results.length === 0) throw new Error(noRows(op, grad))
})

function noRows(op: string | undefined, grad: boolean): string {
  const what = op !== undefined ? `of ${op} ` : ''
  return `[selftest] expected rows ${what}to test${grad ? ' by finite differences' : ''}, got none`
}
