import t from 'tap'
import { entry, wrap } from '../lib/cli/shared/text.ts'

t.test('names from elsewhere give a terminal no commands', async (t) => {
  t.same(wrap('a\u001b[31mb\u0007 c\u009b2J\td\ne'), ['a\ufffd[31mb\ufffd c\ufffd2J\td', 'e'])
  t.equal(entry('Note', 'x\u001b]0;y'), 'Note      x\ufffd]0;y')
})
