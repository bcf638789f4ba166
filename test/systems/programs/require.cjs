// require() gives the same module as import, and trains.
const alexnode = require('alexnode')

const paths = ['', '/bench', '/data', '/engine', '/net', '/run', '/use']

async function isSame(path) {
  const [required, imported] = [require(`alexnode${path}`), await import(`alexnode${path}`)]
  return Object.keys(imported).every((name) => required[name] === imported[name])
}

async function main() {
  const { conv2d, dense, defineNet, flatten, open, shapes, train } = alexnode
  const input = { channels: 1, height: 16, width: 16 }
  const layers = [conv2d({ filters: 2, size: 3 }), flatten(), dense({ units: 10 })]
  const device = await open('cpu')
  const net = await defineNet({ name: 'own', input, layers }).build(device, { batch: 8 })
  const losses = []
  const data = shapes({ train: 16, test: 8, size: 16 })
  for await (const { loss } of train(net, data.train, { steps: 2, lr: 0.01 })) losses.push(loss)
  await device.close()
  const same = (await Promise.all(paths.map(isSame))).every(Boolean)
  console.log(JSON.stringify({ losses, same, names: Object.keys(alexnode).length }))
}

main()
