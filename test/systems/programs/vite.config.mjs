// A server is built as for SSR. Not marked: all in one file, as for a machine without node_modules.
const marked = process.env.MARKED === 'marked'

export default {
  logLevel: 'warn',
  build: {
    ssr: 'server.mjs',
    outDir: 'out',
    rollupOptions: { output: { entryFileNames: 'bundle.mjs' } }
  },
  ssr: marked ? { external: ['alexnode'] } : { noExternal: true }
}
