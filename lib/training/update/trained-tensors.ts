import type { PublicTensor } from '../../net/graph/public-tensors.ts'

/** All tensors that change while training: f32, row-major in public layouts (OIHW, [out, in], [C]). */
export interface TrainedTensors {
  /** By parameter, as 'conv1.weight'. With `ema` these are the averages, which the net is to be used with. */
  readonly weights: ReadonlyMap<string, PublicTensor>
  /**
   * The optimizer's state, by slot and then by parameter. Slots: 'v' for SGD, 'm' and 'v' for Adam; with `ema` also
   * 'w', the weights that are trained.
   */
  readonly optimizer: ReadonlyMap<string, ReadonlyMap<string, PublicTensor>>
}
