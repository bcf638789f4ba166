// The structure of lib/: which folder may import which. `npm run lint` holds it; docs/design.md tells why.

/** From the bottom up: a folder imports from itself and from those before it. */
const folders = [
  'util',
  'native',
  'doctor',
  'engine',
  'group',
  'data',
  'optim',
  'net',
  'weights',
  'training',
  'run',
  'use',
  'selftest',
  'cli'
]

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'No file is in a circle of imports, types included: move what both need below both.',
      severity: 'error',
      from: { path: '^lib' },
      to: { circular: true }
    },
    ...folders.slice(0, -1).map((folder, i) => ({
      name: `${folder}-imports-downward`,
      comment: `lib/${folder} may import from ${folders.slice(0, i + 1).join(', ')}.`,
      severity: 'error',
      from: { path: `^lib/${folder}/` },
      to: { path: `^lib/(${folders.slice(i + 1).join('|')}|[^/]+$)` }
    })),
    {
      name: 'library-imports-library',
      comment: 'What is published imports nothing of tests, benches, examples or scripts.',
      severity: 'error',
      from: { path: '^lib' },
      to: { path: '^(test|bench|examples|scripts|kit)/' }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node'] }
  }
}
