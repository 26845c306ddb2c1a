import type { Import } from './sources.ts'

/** The rooms from the ground up: a file may import its own floor and those below. */
const floors: readonly (readonly string[])[] = [
  ['src/errors.ts', 'src/shape.ts', 'src/dtype.ts'],
  ['src/gpu/'],
  ['src/graph/'],
  ['src/ops/', 'src/autograd.ts'],
  ['src/nn/', 'src/optim/', 'src/data/', 'src/io/'],
  ['src/models/', 'src/train/'],
  ['src/index.ts', 'src/methods.ts'],
  ['src/node.ts'],
  ['demos/', 'bench/', 'tests/', 'scripts/', 'vite.config.ts'],
]

const publicEntries = [
  'src/index.ts',
  'src/nn/index.ts',
  'src/optim/index.ts',
  'src/data/index.ts',
  'src/io/index.ts',
  'src/train/index.ts',
  'src/models/index.ts',
  'src/node.ts',
]

function isIn(file: string, rooms: readonly string[]): boolean {
  return rooms.some((room) => (room.endsWith('/') ? file.startsWith(room) : file === room))
}

/** The floor of a file, -1 where the house has no room for it. */
export function floorOf(file: string): number {
  return floors.findIndex((rooms) => isIn(file, rooms))
}

/** What is wrong with one import, or null. */
function fault({ from, to, specifier, isType }: Import): string | null {
  if (to?.endsWith('.wgsl')) {
    return isIn(from, ['src/ops/', 'src/graph/', 'src/gpu/', 'tests/', 'scripts/'])
      ? null
      : 'shaders are read by ops, graph and gpu only'
  }
  // How Node gets a GPU is beside the house: it knows the errors alone, and only src/node.ts and tools know it.
  if (from.startsWith('src/node/')) {
    return to && !isIn(to, ['src/node/', 'src/errors.ts']) ? 'src/node imports itself and src/errors.ts only' : null
  }
  if (to?.startsWith('src/node/')) {
    return isIn(from, ['src/node.ts', 'tests/', 'scripts/', 'bench/']) ? null : 'src/node is for src/node.ts alone'
  }
  if (to === null) {
    const isPage = from.startsWith('src/') && from !== 'src/node.ts'
    if (isPage && !isType && specifier.startsWith('node:'))
      return 'runs in pages too; only src/node may use Node modules'
    // The build copies these into the one file that uses each, so the package still depends on nothing else.
    if (from === 'src/data/csv.ts' && specifier === 'd3-dsv') return null
    if (from === 'src/models/clustering/scores.ts' && specifier === 'munkres') return null
    if (from.startsWith('src/') && !specifier.startsWith('node:') && !specifier.startsWith('wgsl-preprocessor/')) {
      return 'the library depends on wgsl-preprocessor alone'
    }
    if (from.startsWith('demos/') && /^wgrad\//.test(specifier)) {
      const entry = `src/${specifier.slice('wgrad/'.length)}`
      return publicEntries.some((file) => file === `${entry}/index.ts` || file === `${entry}.ts`)
        ? null
        : 'a demo imports public names only'
    }
    return null
  }
  const here = floorOf(from)
  const there = floorOf(to)
  if (here < 0) return `${from} is in no room of the house`
  if (!to.startsWith('src/')) {
    if (from.startsWith('src/')) return 'the library imports nothing outside src'
    // The page that measures shows the bench itself, which knows how to measure other engines too.
    if (from.startsWith('demos/bench/') && to.startsWith('bench/')) return null
    return from.startsWith('demos/') && !to.startsWith('demos/')
      ? 'a demo imports its own files and packages only'
      : null
  }
  if (from.startsWith('demos/')) return 'a demo imports public names only, as wgrad or wgrad/nn'
  if (there < 0) return `${to} is in no room of the house`
  if (there > here) return 'an arrow points down only'
  if ((here === 4 || here === 5) && to.startsWith('src/gpu/')) return 'models never import gpu'
  return null
}

/** The imports that break the layering, one line each. */
export function layerFaults(imports: readonly Import[]): string[] {
  return imports.flatMap((each) => {
    const wrong = fault(each)
    return wrong ? [`${each.from} imports ${each.specifier}: ${wrong}`] : []
  })
}

/** Cycles among run-time imports, each as `a -> b -> a`. */
export function cycles(imports: readonly Import[]): string[] {
  const graph = new Map<string, string[]>()
  for (const { from, to, isType } of imports) {
    if (!to || isType) continue
    graph.set(from, [...(graph.get(from) ?? []), to])
  }
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' -> '))
    if (start >= 0 || done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}
