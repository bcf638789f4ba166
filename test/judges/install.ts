/** Installs what `npm run judges` asks for from PyPI, and nothing else, so that this may be done beside other work. */
import { NoJudgeError, pythonOf } from './environments.ts'

try {
  await pythonOf('tensorflow', (line) => console.log(line))
} catch (error) {
  if (!(error instanceof NoJudgeError)) throw error
  // `npm run judges` tries once more, and counts it as skipped.
  console.log(error.message)
}
