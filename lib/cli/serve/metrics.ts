/** What /metrics tells, in the text format of Prometheus. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** @param waiting the number of pictures that were accepted and not answered yet */
export function openMetrics(batch: number, waiting: () => number) {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  const requests = new Counter({
    name: 'alexnode_requests_total',
    help: 'Requests by status of the answer.',
    labelNames: ['status'],
    registers
  })
  new Gauge({
    name: 'alexnode_queue_length',
    help: 'Pictures that were accepted and not answered yet.',
    registers,
    collect() {
      this.set(waiting())
    }
  })
  const batches = new Histogram({
    name: 'alexnode_batch_pictures',
    help: 'Pictures in a batch.',
    buckets: powersTo(batch),
    registers
  })
  const latency = new Histogram({
    name: 'alexnode_request_seconds',
    help: 'Seconds from the headers of a picture to its answer.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers
  })
  return { registry, requests, batches, latency }
}

export type Metrics = ReturnType<typeof openMetrics>

/** 1, 2, 4, … and the number itself. */
function powersTo(most: number): number[] {
  const all: number[] = []
  for (let one = 1; one < most; one *= 2) all.push(one)
  return [...all, most]
}
