// A test file of CommonJS, as Jest's own loader runs it.
const { conv2d, defineNet, dense, flatten, open, shapes, train } = require('alexnode')
const { cpuInfo } = require('alexnode/engine')

test('trains two steps', async () => {
  const input = { channels: 1, height: 16, width: 16 }
  const layers = [conv2d({ filters: 2, size: 3 }), flatten(), dense({ units: 10 })]
  const device = await open('cpu', { threads: 1 })
  const net = await defineNet({ name: 'own', input, layers }).build(device, { batch: 8 })
  const losses = []
  const data = shapes({ train: 16, test: 8, size: 16 })
  for await (const { loss } of train(net, data.train, { steps: 2, lr: 0.01 })) losses.push(loss)
  await device.close()
  expect(losses).toHaveLength(2)
  expect(cpuInfo.onednn).toMatch(/^\d/)
})
