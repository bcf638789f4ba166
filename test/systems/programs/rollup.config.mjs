// Not marked: the plugins bring what lies in node_modules into the bundle.
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'

export default {
  input: 'server.mjs',
  external: [/^node:/, 'sharp', ...(process.env.MARKED === 'marked' ? [/^alexnode/] : [])],
  plugins: [nodeResolve({ exportConditions: ['node'] }), commonjs()],
  output: { file: 'out/bundle.mjs', format: 'es', inlineDynamicImports: true }
}
