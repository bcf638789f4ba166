/** What one micro-batch brings from the host, besides images and labels. */
export interface StepData {
  /** Steps done; seeds the random draws. */
  readonly step: number
  readonly seed: number
  /** Epochs done, for noise that ends during training. */
  readonly epoch: number
  /** Images of the step that come before this micro-batch. */
  readonly first: number
  /** Factor on the loss's gradient. */
  readonly scale: number
  /** Label smoothing. */
  readonly smoothing: number
  /** The values of the feed's `scalars`, in their order. */
  readonly scalars: readonly Float32Array[]
}

/** What one micro-batch brings from the host. Defaults: scale 1, no scalars, 0 for the rest. */
export interface Delivery
  extends Pick<StepData, 'step' | 'seed'>,
    Partial<Omit<StepData, 'step' | 'seed'>> {
  /** Numbers of the images in the set; fewer than the net's batch leave its last rows unused. */
  readonly indices: Uint32Array
}
