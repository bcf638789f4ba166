// Files of PyTorch: what it writes is read, tensor by tensor and as a net, and what is no state dict is refused.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { open, torchvision } from '../lib/index.ts'
import { readSafetensors, type Tensors } from '../lib/util/files/safetensors.ts'
import { readWeights } from '../lib/weights/read.ts'
import { processorTime } from './processor-time.ts'
import { python, withoutPytorch } from './pytorch/run.ts'
import { dotted, farthest, logitsOf } from './weights/outputs.ts'
import { type Entry, zipOf } from './weights/zip.ts'

const device = await open('cpu', { threads: 1 })
t.teardown(() => device.close())
const net = torchvision({ width: 1 / 64, classes: 7 })

/** By case: what its error says. */
const refused: Readonly<Record<string, RegExp>> = {
  legacy: /got its old one \(before 1\.6\); convert it where PyTorch is: python -c "import torch/,
  script: /got a program of TorchScript; convert .*torch\.jit\.load\('.*script\.pth'/,
  model: /got 'torch\.nn\.modules\.container Sequential': .*torch\.save\(model\.state_dict\(\)/,
  sparse: /_rebuild_sparse_tensor': a quantized, sparse or complex one/,
  complex: /ComplexFloatStorage': a quantized, sparse or complex one/,
  expanded: /tensor "a": expected at most the 2 values of its storage, got an expanded tensor/,
  none: /expected a state dict, alone or as 'state_dict', .*, got a dictionary of "epoch"/,
  tensor: /expected a state dict, .*, got one tensor/,
  two: /expected one state dict, got 'state_dict' and 'model'; write the one that is meant: torch\.save/
}
/** By case: what its reader says, besides the tensors. */
const told: Readonly<Record<string, RegExp>> = {
  parallel: /^names without 'module\.', which DataParallel puts before all$/,
  checkpoint:
    /^the weights are in \['state_dict'\]; beside them, not used: "epoch, arch, best_acc1 and 1 more"\nnames without 'module\./,
  reference:
    /^the weights are in \['model'\]; beside them, not used: "optimizer, lr_scheduler, epoch and 1 more"$/
}

async function check(t: Test, folder: string): Promise<void> {
  const { tensors } = await readSafetensors(join(folder, 'expected.safetensors'))
  const names = Object.keys(tensors).map((name) => name.split('/')[0] ?? '')
  for (const name of new Set(names.filter((name) => name !== 'logits'))) {
    const file = await readWeights(join(folder, `${name}.pth`))
    t.equal(file.format, 'pytorch', name)
    t.match(file.notes.join('\n'), told[name] ?? /^$/, `notes of ${name}`)
    const expected = Object.keys(tensors).filter((one) => one.startsWith(`${name}/`))
    t.equal(file.tensors.size, expected.length)
    for (const one of expected) {
      const key = one.slice(name.length + 1)
      const tensor = file.tensors.get(key)
      if (!tensor) t.fail(`${one} is not there`)
      else t.strictSame([await tensor.read(), tensor.shape], valuesOf(tensors, one), one)
    }
  }
  const { fit, logits } = await logitsOf(
    device,
    net,
    join(folder, 'trained.pth'),
    dotted(2 * 3 * 224 * 224)
  )
  t.match(fit, { missing: [], unused: [] })
  const [theirs] = valuesOf(tensors, 'logits')
  const off = farthest(logits, theirs)
  t.ok(off < 1e-5, `${off} off`)
  let cases = 0
  for (const [name, message] of Object.entries(refused)) {
    const path = join(folder, `${name}.pth`)
    if (!existsSync(path)) continue
    cases++
    await t.rejects(readWeights(path), { name: 'DamagedFileError', message }, name)
  }
  t.ok(cases >= 5, `${cases} are refused`)
}

function valuesOf(tensors: Tensors, name: string): [Float32Array, readonly number[]] {
  const { data, shape } = tensors[name] ?? { data: new Uint8Array(), shape: [] }
  return [new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4), shape]
}

const kept = join(import.meta.dirname, 'weights/kept/torch')
const { torch }: { torch: string } = JSON.parse(readFileSync(join(kept, 'versions.json'), 'utf8'))
t.test(`files that PyTorch ${torch} wrote`, (t) => check(t, kept))

t.test(
  'files that the PyTorch of this machine writes',
  { skip: withoutPytorch ?? false },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'alexnode-torch-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const script = join(import.meta.dirname, 'weights/torch_files.py')
    execFileSync(python ?? '', [script, folder], { stdio: 'inherit' })
    await check(t, folder)
  }
)

/** An archive as PyTorch makes them. */
const archive = (pickle: string, ...entries: Entry[]) =>
  zipOf([{ name: 'a/data.pkl', data: Buffer.from(pickle, 'latin1') }, ...entries])
const storage: Entry = { name: 'a/data/0', data: new Uint8Array(24) }
/** A dictionary with one tensor of f32: 6 values, of a view. */
const tensor = (offset: string, shape: string, strides: string, count = 'K\x06') =>
  '\x80\x02}X\x01\0\0\0a' +
  'ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu' +
  `${count}tQ${offset}(${shape}t(${strides}t\x89}tRs.`

t.test('damaged and hostile files', async (t) => {
  const path = join(t.testdir(), 'a.pth')
  const whole = archive(tensor('K\0', 'K\x02K\x03', 'K\x03K\x01'), storage)
  writeFileSync(path, whole)
  t.strictSame((await readWeights(path)).tensors.get('a')?.shape, [2, 3])
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['cut', whole.subarray(0, 200), /expected a zip archive/],
    [
      'other pickle',
      archive('\x80\x02cos\nsystem\nX\x01\0\0\0a\x85R.'),
      /got 'os system': it holds obj/
    ],
    ['other opcode', archive('\x80\x02ios\nsystem\n.'), /an opcode of data, got 0x69/],
    ['in itself', archive('\x80\x02}q\0X\x05\0\0\0modelh\0s.'), /expected a state dict/],
    ['containers', archive(`\x80\x02${'}'.repeat(1e6)}`), /at most 200000 containers/],
    ['long pickle', archive('N'.repeat(5e6)), /a pickle of at most 4194304 bytes, got 5000000/],
    [
      'huge',
      archive(tensor('K\0', 'J\xff\xff\xff\x7fK\x03', 'K\0K\0'), storage),
      /expanded tensor of 6442450941/
    ],
    [
      'beyond',
      archive(tensor('K\x01', 'K\x02K\x03', 'K\x03K\x01'), storage),
      /a view of 6 values, got one that ends/
    ],
    [
      'negative',
      archive(tensor('K\0', 'K\x02K\x03', 'J\xff\xff\xff\xffK\x01'), storage),
      /in whole numbers/
    ],
    ['axes', archive(tensor('K\0', 'K\x02', 'K\x03K\x01'), storage), /as many strides as sizes/],
    [
      'short storage',
      archive(tensor('K\0', 'K\x02', 'K\x01', 'K\x07'), storage),
      /28 bytes in data\/0, got 24/
    ],
    [
      'no storage',
      archive(tensor('K\0', 'K\x02', 'K\x01')),
      /the storage data\/0, got an archive without/
    ],
    [
      'bomb',
      archive(tensor('K\0', 'K\x06', 'K\x01'), {
        ...storage,
        data: new Uint8Array(1e7),
        deflate: true
      }),
      /stored as it is, got it comp/
    ],
    [
      'twice',
      archive(tensor('K\0', 'K\x06', 'K\x01'), storage, storage),
      /names that differ, got "a\/data\/0" twice/
    ],
    [
      'encrypted',
      archive(tensor('K\0', 'K\x06', 'K\x01'), { ...storage, flags: 1, deflate: true }),
      /not encrypted/
    ],
    [
      'big-endian',
      archive(tensor('K\0', 'K\x06', 'K\x01'), storage, {
        name: 'a/byteorder',
        data: Buffer.from('big')
      }),
      /little-endian values, got big-endian/
    ],
    [
      'other header',
      archive(tensor('K\0', 'K\x06', 'K\x01'), { ...storage, at: 3 }),
      /the header of an entry at byte 3/
    ],
    [
      'other zip',
      zipOf([{ name: 'word/document.xml', data: new Uint8Array(3) }]),
      /an archive of PyTorch.*got one of "word/
    ],
    ['empty zip', zipOf([]), /got one of nothing/]
  ]
  for (const [name, bytes, message] of cases) {
    writeFileSync(path, bytes)
    const reading = async () => {
      for (const tensor of (await readWeights(path)).tensors.values()) await tensor.read()
    }
    const error = { name: 'DamagedFileError', message }
    const seconds = await processorTime(() => t.rejects(reading(), error, name))
    t.ok(seconds < 1.5, `${name}: ${seconds.toFixed(2)} s`)
  }
})
