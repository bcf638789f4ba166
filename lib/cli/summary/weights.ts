/** `alexnode summary --weights`: what a file of weights holds, and which nets it fits. */
import { elements } from '../../native/layout.ts'
import type { NetDefinition } from '../../net/definition.ts'
import { cut, foreign } from '../../util/foreign.ts'
import { count, counted } from '../../util/words.ts'
import { fitWeights, type LeftOut, type WeightsFit } from '../../weights/fit/fit.ts'
import { type NamedFit, suitingNets } from '../../weights/fit/suits.ts'
import type { WeightsFile } from '../../weights/format.ts'
import { readWeights } from '../../weights/read.ts'
import { entry, onePiece } from '../shared/text.ts'

/** Tensors and reasons that are listed; of more, the number is told. */
const MOST = 400

/** What is known of a file of weights. */
export interface WeightsSummary {
  readonly file: WeightsFile
  /** The named nets that it fills. */
  readonly nets: readonly NamedFit[]
  /** How it fits the net that was asked for. */
  readonly fit: WeightsFit | undefined
}

export async function summaryOf(
  path: string,
  definition: NetDefinition | undefined
): Promise<WeightsSummary> {
  const file = await readWeights(path)
  if (definition) return { file, nets: [], fit: await fitWeights(definition, file) }
  return { file, nets: await suitingNets(file), fit: undefined }
}

export function weightsJson({ file, nets, fit }: WeightsSummary): object {
  const { path, format, bytes, metadata, notes, tensors } = file
  return {
    path,
    format,
    bytes,
    metadata,
    notes,
    tensors: [...tensors].map(([name, { shape, dtype }]) => ({ name, shape, dtype })),
    ...(fit
      ? { fit: fitJson(fit) }
      : {
          fits: nets.map(({ net, classes, channels, fit: { unused } }) => ({
            net,
            classes,
            channels,
            unused
          }))
        })
  }
}

function fitJson({ net, taken, missing, unused, head }: WeightsFit): object {
  return { net, head, taken: taken.map(({ read, ...rest }) => rest), missing, unused }
}

export function weightsText({ file, nets, fit }: WeightsSummary): string {
  const { path, format, bytes, metadata, notes, tensors } = file
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + elements(shape), 0)
  const dtypes = [...new Set([...tensors.values()].map(({ dtype }) => dtype))].join(', ')
  const about = Object.entries(metadata).map(([name, value]) => foreign(cut(`${name} ${value}`)))
  const listed = [...tensors].map(
    ([name, { shape, dtype }]) => `${foreign(cut(name))} [${shape.join('×')}] ${dtype}`
  )
  return [
    entry('File', `${onePiece(path)}: ${format}, ${counted(bytes, 'byte')}`),
    entry('Holds', `${counted(tensors.size, 'tensor')}, ${counted(values, 'value')}: ${dtypes}`),
    ...(about.length > 0 ? [entry('Says', about.join('\n'))] : []),
    ...(notes.length > 0 ? [entry('Notes', notes.join('\n'))] : []),
    entry('Tensors', some(listed)),
    ...(fit ? fitText(fit) : [entry('Fits', netsText(nets))])
  ].join('\n')
}

function some(lines: readonly string[]): string {
  const more = lines.length > MOST ? [`and ${count(lines.length - MOST)} more`] : []
  return [...lines.slice(0, MOST), ...more].join('\n')
}

function netsText(nets: readonly NamedFit[]): string {
  if (nets.length === 0) return 'none of the named nets in full; --net <name> says why'
  return nets
    .map(({ net, classes, channels, fit: { taken, unused } }) => {
      const left = unused.length > 0 ? `, ${counted(unused.length, 'tensor')} not used` : ''
      const grey = channels === 1 ? ', grey' : ''
      return `${net}: all ${taken.length} parameters, ${counted(classes, 'class', 'classes')}${grey}${left}`
    })
    .join('\n')
}

function fitText({ net, taken, missing, unused, head }: WeightsFit): string[] {
  const all = taken.length + missing.length
  const lines = taken.map(({ parameter, tensor, how }) => {
    const done = how.length > 0 ? `: ${how.join(', ')}` : ''
    return `${parameter} from ${foreign(cut(tensor))}${done}`
  })
  const reasons = (list: readonly LeftOut[]) =>
    some(list.map(({ name, why }) => `${foreign(cut(name))}: ${foreign(why)}`))
  return [
    entry('Net', `${net}: ${taken.length} of ${all} parameters are in the file`),
    ...(lines.length > 0 ? [entry('Taken', some(lines))] : []),
    ...(head ? [entry('Head', `${head.layer} is left out: its classes differ`)] : []),
    ...(missing.length > 0 ? [entry('Missing', reasons(missing))] : []),
    ...(unused.length > 0 ? [entry('Not used', reasons(unused))] : [])
  ]
}
