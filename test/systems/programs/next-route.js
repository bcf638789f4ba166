// A route of Next.js that trains two steps.
import { conv2d, defineNet, dense, flatten, open, shapes, train } from 'alexnode'
import { subset } from 'alexnode/data'

export const dynamic = 'force-dynamic'

export async function GET() {
  const device = await open('cpu', { threads: 1 })
  try {
    const input = { channels: 1, height: 16, width: 16 }
    const layers = [conv2d({ filters: 2, size: 3 }), flatten(), dense({ units: 10 })]
    const net = await defineNet({ name: 'served', input, layers }).build(device, { batch: 8 })
    const data = shapes({ train: 24, test: 8, size: 16 })
    const some = subset(data.train, Uint32Array.from(Array(16).keys()))
    const losses = []
    for await (const { loss } of train(net, some, { steps: 2, lr: 0.01 })) losses.push(loss)
    return Response.json({ losses })
  } finally {
    await device.close()
  }
}
