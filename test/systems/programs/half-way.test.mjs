// A test that fails after the first step, and leaves its device open with a step under way.
import { conv2d, defineNet, dense, flatten, open, shapes, train } from 'alexnode'

const input = { channels: 1, height: 16, width: 16 }
const layers = [conv2d({ filters: 2, size: 3 }), flatten(), dense({ units: 10 })]

test('fails half-way', async () => {
  const device = await open('cpu', { threads: 1 })
  const net = await defineNet({ name: 'own', input, layers }).build(device, { batch: 8 })
  const data = shapes({ train: 800, test: 8, size: 16 })
  const steps = train(net, data.train, { steps: 100, lr: 0.01 })
  await steps.next()
  steps.next()
  expect('half-way').toBe('done')
})
