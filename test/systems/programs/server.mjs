// A small server that trains two steps for each request. It asks itself once, prints the answer and ends.
import { createServer } from 'node:http'
import { conv2d, defineNet, dense, flatten, open, shapes, train } from 'alexnode'
import { subset } from 'alexnode/data'

async function losses() {
  const device = await open('cpu', { threads: 1 })
  try {
    const input = { channels: 1, height: 16, width: 16 }
    const layers = [conv2d({ filters: 2, size: 3 }), flatten(), dense({ units: 10 })]
    const net = await defineNet({ name: 'served', input, layers }).build(device, { batch: 8 })
    const data = shapes({ train: 24, test: 8, size: 16 })
    const some = subset(data.train, Uint32Array.from(Array(16).keys()))
    const found = []
    for await (const { loss } of train(net, some, { steps: 2, lr: 0.01 })) found.push(loss)
    return found
  } finally {
    await device.close()
  }
}

const server = createServer(async (_, response) => {
  response.setHeader('connection', 'close')
  response.end(JSON.stringify({ losses: await losses() }))
})
server.listen(0, '127.0.0.1', async () => {
  const answer = await fetch(`http://127.0.0.1:${server.address().port}`)
  console.log(await answer.text())
  server.close()
})
