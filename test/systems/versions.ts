/** The tools that are tried, each by its exact version. */

/** Package managers, with the Node that they run under where they need a newer one than this. */
export const npm = [
  { version: '11.19.1', node: undefined },
  { version: '12.2.2', node: '24.22.3' }
] as const
export const pnpm = [
  { version: '10.34.9', bin: 'bin/pnpm.cjs' },
  { version: '12.21.0', bin: 'pnpm' }
] as const
export const yarn = '4.18.1'
export const yarn1 = '1.22.22'
export const bun = '1.4.5'

/** A registry on this machine, which has packages before they are published. */
export const verdaccio = '6.10.4'
/** It asks for a tag of node-fetch that not every registry has. */
export const verdaccioOverrides = { 'node-fetch': '2.7.0' }
export const verdaccioNode = '24.22.3'
