/** `--tensorboard`: files of the run for TensorBoard. */
import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import type { TrainingRun } from '../../run/training-run.ts'
import { Board } from '../../use/tensorboard/board.ts'
import { eventFiles } from '../../use/tensorboard/event-file.ts'
import { UsageError } from '../shared/program.ts'
import { onePiece } from '../shared/text.ts'
import type { TrainArguments } from './arguments.ts'
import type { TrainReport } from './report.ts'

interface BoardParts {
  /** Images of validations, if there are any. */
  readonly images: ImageSet | undefined
  readonly report: TrainReport
}

/**
 * Opens what `--tensorboard` asks for; nothing on ranks but 0, and nothing without the option.
 * @throws UsageError where the folder has files of another run
 */
export async function openBoard(
  { tensorboard }: TrainArguments,
  run: TrainingRun,
  net: Net,
  { images, report }: BoardParts
): Promise<Board | undefined> {
  if (tensorboard === undefined || (net.placement.group?.rank ?? 0) > 0) return undefined
  const folder = tensorboard === true ? run.folder : tensorboard
  if (run.isBlank && (await eventFiles(folder)).length > 0) {
    throw new UsageError(
      `alexnode train: --tensorboard: expected a folder without event files for a new run, got ` +
        `${onePiece(folder)}, which has some: name another folder, such as one in it.`
    )
  }
  const { step, settings } = run
  report.note(`To look at the run: tensorboard --logdir ${onePiece(folder)}`)
  return Board.open({ folder, step, net, settings, images, onNote: report.note })
}
