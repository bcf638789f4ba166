// Bundles server.mjs with webpack. Arguments: webpack's folder, and whether alexnode is marked as external.
const { join } = require('node:path')
const [, , folder, marked] = process.argv
const webpack = require(folder)

const options = {
  mode: 'production',
  target: 'node',
  entry: './server.mjs',
  output: { path: join(__dirname, 'out'), filename: 'bundle.cjs' },
  externalsType: 'node-commonjs',
  // A user of sharp has it there already: webpack cannot read its binary.
  externals: ['sharp', ...(marked === 'marked' ? [/^alexnode/] : [])]
}
webpack(options, (error, stats) => {
  if (error) throw error
  if (!stats.hasErrors()) return
  console.error(stats.toString({ all: false, errors: true }))
  process.exitCode = 1
})
