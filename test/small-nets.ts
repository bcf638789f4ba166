/** Stands in the place of lib/net/models/index.ts, where a program is to train a net that a double of CUDA computes soon. */
import { smallNet } from './small-net.ts'

export const netNames = ['small']
export const netByName = smallNet
