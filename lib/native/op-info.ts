/** What is known of an op before it is prepared: its slots, fields and their defaults. */
import type { DType } from './dtype.ts'
import type { Shape } from './layout.ts'

/** Value of an op's field: a number, a flag, or numbers by axis. */
export type FieldValue = number | boolean | readonly number[]

/** Settings of an op by name, such as `stride`. A field that is left out takes its default. */
export type Fields = Readonly<Record<string, FieldValue | undefined>>

/** Describes a tensor that has no memory yet. The op infers or chooses what is left out. */
export interface Spec {
  /** Sizes, outermost dimension first. */
  readonly shape?: Shape
  /** Element type. */
  readonly dtype?: DType
  /** Memory layout in oneDNN's tag notation. */
  readonly layout?: string
}

/** A slot of an op: a tensor that it reads or writes. */
export interface SlotInfo {
  /** Such as `x`. */
  readonly name: string
  /** 'out' is written, 'in' is read, 'inout' is read and then written. */
  readonly role: 'out' | 'in' | 'inout'
  /** Element types that the op accepts here; empty: all. */
  readonly dtypes: readonly DType[]
  /** True if the op runs without this tensor. */
  readonly optional: boolean
  /** True for an input whose layout the op prefers to choose. */
  readonly chooses: boolean
}

/** An op: its name, slots and fields. */
export interface OpInfo {
  /** Such as `conv2d`. */
  readonly name: string
  /** In the order in which native code takes them. */
  readonly slots: readonly SlotInfo[]
  /** Default of every field, by name. */
  readonly fields: Readonly<Record<string, FieldValue>>
}

/** A slot of a prepared op: all facts of its tensor except the memory. */
export interface SettledSpec {
  /** Sizes, outermost dimension first. */
  readonly shape: Shape
  /** Element type. */
  readonly dtype: DType
  /** Memory layout in oneDNN's tag notation. */
  readonly layout: string
  /** Bytes in memory, padding included. */
  readonly bytes: number
}

/** A prepared op, as native code describes it. */
export interface PreparedInfo {
  /** Number of the native object. */
  readonly id: number
  /** By slot; undefined for an optional tensor that was left out. */
  readonly specs: readonly (SettledSpec | undefined)[]
  /** Bytes of scratch that a run needs. */
  readonly scratch: number
  /** Name of the chosen implementation, for people. */
  readonly implementation: string
}
